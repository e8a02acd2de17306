# Libraries of others. docs/architecture.md says what each is for.

# LibTorch's include directory holds an older copy of protobuf's headers. While the other libraries are looked for,
# prefixes that hold LibTorch are left out.
set(torch_prefixes)
foreach(prefix ${CMAKE_PREFIX_PATH} $ENV{CMAKE_PREFIX_PATH} "${Torch_DIR}/../../..")
  if(EXISTS "${prefix}/include/torch/script.h" AND EXISTS "${prefix}/include/google/protobuf")
    get_filename_component(prefix "${prefix}" REALPATH)
    list(APPEND torch_prefixes "${prefix}")
  endif()
endforeach()
set(CMAKE_IGNORE_PREFIX_PATH ${torch_prefixes})
find_package(Threads REQUIRED)
# Debian's protobuf 3.21 has no CMake config; CMake's own module finds it.
find_package(Protobuf 3.21 REQUIRED)
find_package(absl REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(SQLiteCpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
# Debian's CMake config of libzip refers to tools of other packages and fails without them; pkg-config does not.
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
if(MODELD_WITH_GRPC)
  find_package(gRPC REQUIRED)
endif()
if(MODELD_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
unset(CMAKE_IGNORE_PREFIX_PATH)
if(MODELD_TCMALLOC AND MODELD_WITH_GRPC AND MODELD_WITH_LIBTORCH)
  # By its soname: what is linked with it needs no header of it.
  find_library(TCMALLOC_LIBRARY NAMES libtcmalloc_minimal.so.4 REQUIRED)
endif()
if(MODELD_WITH_LIBTORCH)
  find_package(Torch REQUIRED)
endif()
