//===- HostDevice.h - Devices whose arena the host can touch ----*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_HOSTDEVICE_H
#define MIXLN_RT_DEVICE_HOSTDEVICE_H

#include "device/Arena.h"
#include "device/Device.h"

#include <cstring>

namespace mixln::rt {

class HostDevice : public Device {
public:
  explicit HostDevice(const Program &program)
      : program(program), arena(program.arenaBytes) {}

  void setRecorder(Recorder *to) override { recorder = to; }
  void write(int64_t offset, const void *from, int64_t bytes) override {
    std::memcpy(arena.data() + offset, from, bytes);
  }
  void read(int64_t offset, void *to, int64_t bytes) const override {
    std::memcpy(to, arena.data() + offset, bytes);
  }
  void zero(int64_t offset, int64_t bytes) override {
    std::memset(arena.data() + offset, 0, bytes);
  }

protected:
  const Program &program;
  Recorder *recorder = nullptr;
  Arena arena;
};

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_HOSTDEVICE_H
