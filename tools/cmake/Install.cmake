# What `cmake --install` puts where: the two programs, their manual pages, shell completion, systemd's files and, where
# LibTorch, OpenVINO or ONNX Runtime is not the distribution's, a private copy of its libraries.
include(GNUInstallDirs)
set(MODELD_PRIVATE_LIBDIR "${CMAKE_INSTALL_LIBDIR}/modeld")

configure_file(systemd/modeld.service.in "${CMAKE_BINARY_DIR}/systemd/modeld.service" @ONLY)

install(TARGETS modeld modelctl RUNTIME)
install(FILES daemon/server/modeld.1 registry/cli/modelctl.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES "${CMAKE_BINARY_DIR}/systemd/modeld.service" DESTINATION lib/systemd/system)
install(FILES systemd/modeld.sysusers.conf DESTINATION lib/sysusers.d RENAME modeld.conf)
install(FILES systemd/modeld.tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME modeld.conf)
install(FILES systemd/modeld.toml DESTINATION "${CMAKE_INSTALL_FULL_SYSCONFDIR}/modeld")

# The unit hides home directories, and a virtual environment is no place for a service to run from.
get_filename_component(torch_prefix "${TORCH_INSTALL_PREFIX}" REALPATH)
if(NOT torch_prefix STREQUAL "/usr")
  install(DIRECTORY "${torch_prefix}/lib/" DESTINATION "${MODELD_PRIVATE_LIBDIR}"
    FILES_MATCHING
      PATTERN "libtorch.so" PATTERN "libtorch_cpu.so" PATTERN "libc10.so" PATTERN "libgomp*.so*"
      PATTERN "libshm*" EXCLUDE)
  # The wheel keeps some of its libraries beside the package.
  if(EXISTS "${torch_prefix}/../torch.libs")
    install(DIRECTORY "${torch_prefix}/../torch.libs/" DESTINATION "${MODELD_PRIVATE_LIBDIR}")
  endif()
  set(has_private_libraries TRUE)
endif()
if(TARGET onnxruntime)
  get_filename_component(onnxruntime_library "${ONNXRUNTIME_LIBRARY}" REALPATH)
  if(NOT onnxruntime_library MATCHES "^/usr/lib")
    # Under each of the names by which it may be linked, and with what it loads by name from beside it.
    install(CODE "file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${MODELD_PRIVATE_LIBDIR}\" TYPE SHARED_LIBRARY
      FOLLOW_SYMLINK_CHAIN FILES \"${ONNXRUNTIME_LIBRARY}\")")
    get_filename_component(beside "${onnxruntime_library}" DIRECTORY)
    file(GLOB providers "${beside}/libonnxruntime_providers_*.so")
    install(FILES ${providers} DESTINATION "${MODELD_PRIVATE_LIBDIR}")
    set(has_private_libraries TRUE)
  endif()
endif()
if(OpenVINO_FOUND AND NOT OpenVINO_DIR MATCHES "^/usr/lib")
  # Those that it loads by name are looked for beside its core: the plugin for CPUs, and what TBB loads.
  install(DIRECTORY "${OpenVINO_DIR}/../libs/" DESTINATION "${MODELD_PRIVATE_LIBDIR}"
    FILES_MATCHING
      PATTERN "libopenvino.so.*" PATTERN "libopenvino_intel_cpu_plugin.so" PATTERN "libopenvino_pytorch_frontend.so.*"
      PATTERN "libopenvino_onnx_frontend.so.*" PATTERN "libtbb*.so.*" PATTERN "libhwloc.so.*")
  set(has_private_libraries TRUE)
endif()
if(has_private_libraries)
  file(RELATIVE_PATH from_bin "/${CMAKE_INSTALL_BINDIR}" "/${MODELD_PRIVATE_LIBDIR}")
  set_target_properties(modeld PROPERTIES INSTALL_RPATH "$ORIGIN/${from_bin}")
endif()
