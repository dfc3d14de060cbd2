# cpack -G DEB: mp2 and mp2-monitor (which needs neither MPI nor BLAS). What they depend on is what dpkg-shlibdeps finds; mpirun, which
# no library brings, is named.
set(CPACK_PACKAGE_NAME mp2)
set(PACKAGER "mp2 <root@localhost>")
if(DEFINED ENV{DEBEMAIL}) # who makes the package, as Debian's own tools take it
  set(PACKAGER "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_PACKAGE_CONTACT "${PACKAGER}")
set(CPACK_PACKAGE_HOMEPAGE_URL "https://aclanthology.org/2023.acl-long.625")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_COMPONENTS_ALL program configs man completion documents monitor dashboards monitor_documents)
foreach(component program configs man completion documents)
  string(TOUPPER ${component} upper)
  set(CPACK_COMPONENT_${upper}_GROUP mp2)
endforeach()
foreach(component monitor dashboards monitor_documents)
  string(TOUPPER ${component} upper)
  set(CPACK_COMPONENT_${upper}_GROUP monitor)
endforeach()
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_MP2_PACKAGE_NAME mp2)
set(CPACK_DEBIAN_MP2_PACKAGE_SECTION science)
set(CPACK_DEBIAN_MP2_PACKAGE_DEPENDS openmpi-bin)
set(CPACK_DEBIAN_MP2_PACKAGE_SUGGESTS mp2-monitor)
set(CPACK_DEBIAN_MONITOR_PACKAGE_NAME mp2-monitor)
set(CPACK_DEBIAN_MONITOR_PACKAGE_SECTION science)
set(CPACK_DEBIAN_MP2_DESCRIPTION "distributed pre-training of modular prompts
Pre-trains combinable soft prompts over a frozen Chinese encoder on CPU
clusters, and tunes them for new tasks from a few examples. Runs under Open
MPI.")
set(CPACK_DEBIAN_MONITOR_DESCRIPTION "watch runs of mp2 from anywhere
A terminal view, a web page, metrics for Prometheus and event files for
TensorBoard of runs of mp2. Needs neither MPI nor BLAS.")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/configs/packaging/compress_pages.cmake)

# What Debian wants beside the files: licence and changes, compressed without a time in them.
find_program(GZIP gzip)
if(GZIP AND EXISTS /etc/debian_version)
  set(DOCUMENTS ${CMAKE_BINARY_DIR}/documents)
  configure_file(configs/packaging/changelog ${DOCUMENTS}/changelog.in @ONLY)
  add_custom_command(OUTPUT ${DOCUMENTS}/changelog.gz
    COMMAND ${CMAKE_COMMAND} -E copy ${DOCUMENTS}/changelog.in ${DOCUMENTS}/changelog
    COMMAND ${GZIP} -9nf ${DOCUMENTS}/changelog
    DEPENDS ${DOCUMENTS}/changelog.in VERBATIM)
  add_custom_target(documents ALL DEPENDS ${DOCUMENTS}/changelog.gz)
  foreach(package mp2 mp2-monitor)
    set(component documents)
    if(package STREQUAL "mp2-monitor")
      set(component monitor_documents)
    endif()
    install(FILES ${DOCUMENTS}/changelog.gz configs/packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
            COMPONENT ${component} EXCLUDE_FROM_ALL)
  endforeach()
endif()

include(CPack)
cpack_add_component_group(mp2)
cpack_add_component_group(monitor)
