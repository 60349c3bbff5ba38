# Installs the library, the public headers, the tool, a pkg-config file and a CMake package (target tenon::tenon).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(SKBUILD) # `pip install .`: the library goes beside the Python files
  install(FILES $<TARGET_FILE:tenon> DESTINATION tenon RENAME libtenon.so COMPONENT python)
  return()
endif()

install(TARGETS tenon EXPORT tenon-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/tenon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
if(TARGET tenon-tool)
  install(TARGETS tenon-tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(EXPORT tenon-targets NAMESPACE tenon:: FILE TenonTargets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Tenon)

configure_package_config_file(cmake/TenonConfig.cmake.in ${PROJECT_BINARY_DIR}/TenonConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Tenon)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/TenonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/TenonConfig.cmake ${PROJECT_BINARY_DIR}/TenonConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Tenon)

# the folders are relative to the file, so that an installed tree can be moved
file(RELATIVE_PATH TENON_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/tenon.pc.in ${PROJECT_BINARY_DIR}/tenon.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/tenon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
