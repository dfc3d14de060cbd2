# cpack runs this before it packs: manual pages as Debian wants them, compressed without a time in them.
cmake_minimum_required(VERSION 3.25)
if(CPACK_GENERATOR STREQUAL "DEB")
  file(GLOB_RECURSE pages ${CPACK_TEMPORARY_DIRECTORY}/*.1)
  execute_process(COMMAND gzip -9nf ${pages} COMMAND_ERROR_IS_FATAL ANY)
endif()
