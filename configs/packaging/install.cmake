# cmake --install, by components (--component NAME): program, monitor, configs, dashboards, man, completion; packages (cpack -G DEB);
# the source archive (target dist). Nothing installed knows the prefix: programs find their files from their own place
# (cluster/base/place.h), so that a tree can be moved.
include(GNUInstallDirs)

# What help says, as pages and completions, by the program itself.
set(PAGES ${CMAKE_BINARY_DIR}/pages)
add_custom_command(OUTPUT ${PAGES}/mp2.1
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${PAGES}
  COMMAND ${CMAKE_COMMAND} -E env HWLOC_COMPONENTS=-gl ASAN_OPTIONS=detect_leaks=0 $<TARGET_FILE:mp2> help --pages ${PAGES}
  COMMAND $<TARGET_FILE:mp2-monitor> help > ${CMAKE_BINARY_DIR}/monitor-help.txt
  COMMAND ${CMAKE_COMMAND} -DHELP=${CMAKE_BINARY_DIR}/monitor-help.txt -DVERSION=${PROJECT_VERSION}
          -DOUT=${PAGES}/mp2-monitor.1 -P ${CMAKE_SOURCE_DIR}/configs/packaging/monitor_page.cmake
  DEPENDS mp2 mp2-monitor ${CMAKE_SOURCE_DIR}/configs/packaging/monitor_page.cmake
  VERBATIM)
add_custom_target(pages ALL DEPENDS ${PAGES}/mp2.1)

set(MP2_SHARE ${CMAKE_INSTALL_DATADIR}/mp2)
install(TARGETS mp2 RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(TARGETS mp2-monitor RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT monitor)
install(DIRECTORY configs/tasks DESTINATION ${MP2_SHARE}/configs COMPONENT configs)
file(GLOB CONFIG_FILES CONFIGURE_DEPENDS configs/*.yaml)
file(GLOB SLURM_FILES CONFIGURE_DEPENDS configs/slurm/*.sh)
install(FILES ${CONFIG_FILES} DESTINATION ${MP2_SHARE}/configs COMPONENT configs)
install(PROGRAMS ${SLURM_FILES} DESTINATION ${MP2_SHARE}/configs/slurm COMPONENT configs)
install(PROGRAMS configs/quickstart.sh DESTINATION ${MP2_SHARE}/configs COMPONENT configs)
install(DIRECTORY configs/dashboards/ DESTINATION ${MP2_SHARE}/dashboards COMPONENT dashboards)
install(DIRECTORY ${PAGES}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT man
        FILES_MATCHING PATTERN "mp2*.1" PATTERN "mp2-monitor.1" EXCLUDE)
install(FILES ${PAGES}/mp2-monitor.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT monitor)
install(FILES ${PAGES}/mp2.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME mp2
        COMPONENT completion)
install(FILES ${PAGES}/_mp2 DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT completion)

# The commit that is checked out, with its revision in configs/packaging/revision.txt; builds without git.
add_custom_target(dist
  COMMAND git -C ${CMAKE_SOURCE_DIR} archive --prefix=mp2-${PROJECT_VERSION}/
          -o ${CMAKE_BINARY_DIR}/mp2-${PROJECT_VERSION}.tar.gz HEAD
  VERBATIM)

include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
