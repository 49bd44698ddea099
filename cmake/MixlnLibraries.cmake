# mixln_add_library(NAME SOURCES... [DEPENDS target...] [LINK library...])
# mixln_add_tool(NAME SOURCES... [LINK library...])
#
# A static library, or a program, of the compiler. All of them share one precompiled header
# (lib/pch.h): a pass file then compiles in a quarter of the time.

add_library(mixln_compiler_options INTERFACE)
target_link_libraries(mixln_compiler_options INTERFACE mixln_options)
target_include_directories(mixln_compiler_options SYSTEM INTERFACE
  ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_include_directories(mixln_compiler_options INTERFACE
  ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include
  ${CMAKE_SOURCE_DIR}/runtime/include)
separate_arguments(MIXLN_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_definitions(mixln_compiler_options INTERFACE ${MIXLN_LLVM_DEFINITIONS})

add_library(mixln_pch OBJECT ${CMAKE_SOURCE_DIR}/lib/pch.cpp)
target_link_libraries(mixln_pch PRIVATE mixln_compiler_options)
target_precompile_headers(mixln_pch PRIVATE ${CMAKE_SOURCE_DIR}/lib/pch.h)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(mixln_pch PRIVATE -fpch-instantiate-templates)
endif()

function(mixln_configure_target name)
  target_link_libraries(${name} PRIVATE mixln_compiler_options)
  target_precompile_headers(${name} REUSE_FROM mixln_pch)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(${name} PRIVATE -fpch-instantiate-templates)
  endif()
endfunction()

function(mixln_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES} ${ARG_UNPARSED_ARGUMENTS})
  mixln_configure_target(${name})
  # Everything of the dialect is generated before anything is compiled.
  add_dependencies(${name} MixlnTableGen ${ARG_DEPENDS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

function(mixln_add_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES} ${ARG_UNPARSED_ARGUMENTS})
  mixln_configure_target(${name})
  add_dependencies(${name} MixlnTableGen)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
endfunction()
