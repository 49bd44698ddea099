# Compiler settings shared by the compiler and the runtime.

add_library(mixln_options INTERFACE)
target_compile_options(mixln_options INTERFACE -Wall -Wextra -Wno-unused-parameter)
if(MIXLN_WARNINGS_AS_ERRORS)
  target_compile_options(mixln_options INTERFACE -Werror)
endif()
if(MIXLN_SANITIZE)
  target_compile_options(mixln_options INTERFACE -fsanitize=${MIXLN_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(mixln_options INTERFACE -fsanitize=${MIXLN_SANITIZE})
endif()
if(MIXLN_FUZZ)
  # Coverage for the fuzzer, and assertions, which are findings too.
  target_compile_options(mixln_options INTERFACE -fsanitize=fuzzer-no-link -UNDEBUG)
endif()
