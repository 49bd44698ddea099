"""Runs the entries of a compiled program from Python: the kernels as a shared object, memory as one arena.

A second, slow reader of program.h, for tests of entries that no command of an executable runs.
"""
import array
import ctypes
import json
import math
import random

import mixlntest as mt


class Program:
    def __init__(self, config, norm, batch_size, seq_len, work, extra=()):
        lowered = work / "lowered.mlir"
        mt.run(["mixlnc", config, "--norm", norm, "--batch_size", batch_size, "--seq_len", seq_len, "--compile_to",
                "lower", "-o", lowered, *extra])
        mt.run(["mlir-translate", "--mlir-to-llvmir", lowered, "-o", work / "lowered.ll"])
        mt.run(["clang", "-w", "-O1", "-x", "ir", "-march=native", "-shared", "-fPIC", "-nostdlib", work / "lowered.ll",
                "-o", work / "kernels.so"])
        self.library = ctypes.CDLL(str(work / "kernels.so"))
        size = ctypes.c_int64.in_dll(self.library, "mixln_program_size").value
        text = (ctypes.c_char * size).in_dll(self.library, "mixln_program_text").raw
        self.about = json.loads(text)
        count = ctypes.c_int64.in_dll(self.library, "mixln_kernel_count").value
        kernel = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
        table = (ctypes.c_void_p * count).in_dll(self.library, "mixln_kernel_table")
        self.functions = [kernel(address) for address in table]
        self.tensors = {t["name"]: t for t in self.about["tensors"]}
        self.entries = {e["name"]: e["dispatches"] for e in self.about["entries"]}
        self.arena_memory, self.arena = self.aligned(self.about["arena_bytes"])
        self.scratch_memory, self.scratch = self.aligned(self.about["scratch_bytes"])

    @staticmethod
    def aligned(size):
        memory = ctypes.create_string_buffer(b"\xff" * (size + 128), size + 128)  # all ones: NaN
        return memory, (ctypes.addressof(memory) + 63) // 64 * 64

    def elements(self, name):
        return math.prod(self.tensors[name]["shape"])

    def write(self, name, values):
        code = "i" if self.tensors[name]["type"] == "i32" else "f"
        data = array.array(code, values)
        assert len(data) == self.elements(name), name
        ctypes.memmove(self.arena + self.tensors[name]["offset"], data.tobytes(), len(data) * 4)

    def bytes(self, name):
        return ctypes.string_at(self.arena + self.tensors[name]["offset"], self.elements(name) * 4)

    def read(self, name):
        return array.array("i" if self.tensors[name]["type"] == "i32" else "f", self.bytes(name))

    def run(self, entry):
        for dispatch in self.entries[entry]:
            kernel = self.about["kernels"][dispatch["kernel"]]
            pointers = (ctypes.c_void_p * len(dispatch["operands"]))(*[self.arena + o[0] for o in dispatch["operands"]])
            sizes = dispatch.get("sizes", [])
            sizes = (ctypes.c_int64 * max(len(sizes), 1))(*sizes)
            values = dispatch.get("values", [])
            values = (ctypes.c_float * max(len(values), 1))(*values)
            for phase, tasks in enumerate(dispatch["tasks"]):
                for task in range(tasks):
                    self.functions[kernel["first_function"] + phase](pointers, sizes, values, task, tasks, self.scratch)

    def fill(self, seed):
        """Random parameters, a random batch, constants. Returns what was filled, for the interpreter."""
        rng = random.Random(seed)
        rows, vocabulary = self.about["batch_size"] * self.about["seq_len"], self.about["vocab_size"]
        ids = [rng.randrange(vocabulary) for _ in range(rows)]
        order = sorted(range(rows), key=lambda i: (ids[i], i))
        starts = [i for i in range(rows) if i == 0 or ids[order[i]] != ids[order[i - 1]]]
        targets = [-100 if rng.random() < 0.1 else rng.randrange(vocabulary) for _ in range(rows)]
        inputs = {"input_ids": ids, "targets": targets, "token_order": order,
                  "segment_starts": starts + [rows] * (rows + 1 - len(starts)),
                  "loss_scale": [1 / sum(t >= 0 for t in targets)], "z_loss_scale": [1e-3]}
        for name, tensor in self.tensors.items():
            count = self.elements(name)
            kind, value = tensor.get("init", ["none", 0])
            if tensor["role"] == "parameter":
                centre = value if kind == "constant" else 0.0
                inputs[name] = [centre + rng.gauss(0, 0.2) for _ in range(count)]
            elif tensor["role"] == "constant" and kind == "constant":
                inputs[name] = [value] * count
            elif kind in ("rope_cos", "rope_sin"):
                half = tensor["shape"][1]
                turn = math.cos if kind == "rope_cos" else math.sin
                inputs[name] = [turn(i // half * value ** (-(i % half) / half)) for i in range(count)]
        filled = {}
        for name, values in inputs.items():
            self.write(name, values)
            filled[name] = (self.tensors[name]["shape"], self.read(name))
        return filled
