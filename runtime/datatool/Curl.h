//===- Curl.h - Files from the network, by the program curl -----*- C++ -*-===//

#ifndef MIXLN_RT_DATATOOL_CURL_H
#define MIXLN_RT_DATATOOL_CURL_H

#include <cstdint>
#include <string>

namespace mixln::rt {

/// Size of what the address names; a RunError when it cannot be had or is not
/// said.
int64_t remoteSize(const std::string &url);

/// Downloads the address to `path`, going on where an earlier download of it
/// stopped. A RunError leaves what came so far for the next time.
void download(const std::string &url, const std::string &path, int64_t size);

} // namespace mixln::rt

#endif // MIXLN_RT_DATATOOL_CURL_H
