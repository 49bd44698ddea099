"""The lit suite: each test says in one sentence what it proves."""
import os
import platform
import shutil
import subprocess

import lit.formats

config.name = "mixln"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "Unit", "support", "corpus"]
config.test_source_root = os.path.join(config.mixln_source, "test")
config.test_exec_root = os.path.join(config.mixln_build, "test")

path = [os.path.join(config.mixln_build, "bin"), config.llvm_tools, os.environ.get("PATH", "")]
config.environment["PATH"] = os.pathsep.join(path)
config.environment["PYTHONPATH"] = os.path.join(config.test_source_root, "support")
config.environment["PYTHONDONTWRITEBYTECODE"] = "1"
config.environment["MIXLN_CACHE_DIR"] = os.path.join(config.test_exec_root, "cache")
for name in ("HOME", "MIXLN_PYTHON", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%python", config.python))
config.substitutions.append(("%build", config.mixln_build))
config.substitutions.append(("%configs", os.path.join(config.mixln_source, "configs")))
config.substitutions.append(("%inputs", os.path.join(config.test_source_root, "Inputs")))
config.substitutions.append(("%test_root", config.test_source_root))

# Golden cases, real text and tokenizer beside the checkout, where they are.
shared = os.environ.get("MIXLN_SHARED", os.path.join(config.mixln_source, "..", "shared"))
if os.path.isdir(os.path.join(shared, "golden")):
    config.available_features.add("shared")
    config.substitutions.append(("%shared", os.path.abspath(shared)))

# The assembler of the CUDA toolkit, where mixlnc finds it; without it the tests of GPU code are unsupported.
toolkits = [os.environ.get(name, "") for name in ("CUDA_HOME", "CUDA_PATH")] + ["/usr/local/cuda"]
ptxas = [os.path.join(toolkit, "bin", "ptxas") for toolkit in toolkits if toolkit] + [shutil.which("ptxas") or ""]
if any(os.access(path, os.X_OK) for path in [os.environ.get("MIXLN_PTXAS", "")] + ptxas):
    config.available_features.add("ptxas")

# The disassembler of machine code: the toolkit's, or that of scripts/install-deps.sh --dev. Without it the test that
# reads machine code is unsupported.
packaged = os.path.expanduser("~/.cache/mixln-deps/nvdisasm/nvidia/cu13/bin")
nvdisasm = [os.environ.get("MIXLN_NVDISASM", "")] + [
    os.path.join(folder, "nvdisasm")
    for folder in [os.path.join(toolkit, "bin") for toolkit in toolkits if toolkit] + [packaged]
] + [shutil.which("nvdisasm") or ""]
for path in filter(lambda path: os.access(path, os.X_OK), nvdisasm):
    config.available_features.add("nvdisasm")
    config.environment["MIXLN_NVDISASM"] = path
    break

# Tests that take too long for every run.
if os.environ.get("MIXLN_ALL_PRESETS"):
    config.available_features.add("all-presets")

if shutil.which("chromium"):
    config.available_features.add("chromium")

# Another Python whose packages the results are held against; nothing is installed for it.
peers = os.environ.get("MIXLN_PYTHON", "")
if peers:
    find = ("import importlib.util as u; "
            "print(*(m for m in ('torch', 'safetensors', 'sentencepiece', 'transformers') if u.find_spec(m)))")
    found = subprocess.run([peers, "-c", find], capture_output=True, text=True).stdout.split()
    if "safetensors" not in found and "torch" in found:
        found.remove("torch")
    config.available_features.update(found)
    config.substitutions.append(("%peers_python", peers))

flags = ""
if platform.system() == "Linux":
    with open("/proc/cpuinfo") as cpuinfo:
        flags = next((line for line in cpuinfo if line.startswith("flags")), "")
for feature in ("avx2", "avx512f", "avx512_bf16"):
    if f" {feature}" in flags:
        config.available_features.add(feature)

# What only the superuser may: another root folder, mounts of one's own.
if hasattr(os, "geteuid") and os.geteuid() == 0:
    for feature, command in (("chroot", ["chroot", "/", "true"]),
                             ("mount", ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])):
        try:
            if subprocess.run(command, capture_output=True).returncode == 0:
                config.available_features.add(feature)
        except OSError:
            pass
