"""What result files say: one figure for each system of a case."""
import statistics

# What a result file calls the vectors of a CPU with this flag; the fastest first.
VECTORS = {"avx512_bf16": "AVX-512 with bf16 products", "avx512f": "AVX-512", "avx2": "AVX2"}


def label(system):
    """How people call a system."""
    words = system.split()
    name = {"torch_llama.py": "PyTorch eager", "hf_llama.py": "transformers", "jax_llama.py": "JAX",
            "mixln": "mixln"}.get(words[0], words[0])
    rest = []
    for i, word in enumerate(words[1:], 1):
        if word.startswith("--compile"):
            mode = word.partition("=")[2]
            name = "torch.compile" + (f" {mode}" if mode else "")
        elif words[i - 1] in ("--dtype", "--norm"):
            rest.append(word)
        elif word not in ("--dtype", "--norm"):
            rest.append(word.removeprefix("--"))
    return " ".join([name, *rest])


def dtype_of(case, system):
    words = system.split()
    return words[words.index("--dtype") + 1] if "--dtype" in words else case["dtype"]


def rate_of(one, dtype, key):
    """Operations a second that bound a type."""
    return one.get(f"fma_{key}") if dtype == "fp32" else one.get(f"dot_{key}") or one.get(f"fma_{key}")


def held_rate(one, dtype):
    """What a machine that others use too let the loop do on the whole; None in files that do not say it."""
    return rate_of(one, dtype, "mean_flops")


def ceiling_of(report, threads, dtype):
    return next((rate_of(one, dtype, "flops") for one in report.get("ceilings", []) if one["threads"] == threads), None)


def figures(report, entry):
    """{system: figures}, medians over the rounds; systems that failed have `error` alone."""
    case, result = entry["case"], {}
    flops = next((run["flops_per_token"] for run in entry["runs"].get("mixln", []) if "flops_per_token" in run), None)
    for system, runs in entry["runs"].items():
        good = [run for run in runs if "tokens_per_s" in run]
        if not good:
            result[system] = {"error": runs[0].get("error", "failed")}
            continue

        def median(key):
            values = [run[key] for run in good if key in run]
            return statistics.median(values) if values else None

        one = {key: median(key) for key in ("tokens_per_s", "ms_per_step", "first_step_done_s", "to_first_step_s",
                                            "cold_to_first_step_s", "cold_first_step_done_s")}
        one["peak_rss_mib"] = max(run["peak_rss_mib"] for run in good)
        one["dtype"] = dtype_of(case, system)
        peak = ceiling_of(report, case["threads"], one["dtype"])
        one["share_of_peak"] = one["tokens_per_s"] * flops / peak if flops and peak else None
        held = median("held_flops")
        one["share_of_held"] = one["tokens_per_s"] * flops / held if flops and held else None
        result[system] = one
    return result


def is_peer(system):
    return system.split()[0] != "mixln"


def best_peers(found):
    """{type: the fastest peer that computes in it}."""
    best = {}
    for system, one in found.items():
        if is_peer(system) and "error" not in one:
            other = best.get(one["dtype"])
            if other is None or one["tokens_per_s"] > found[other]["tokens_per_s"]:
                best[one["dtype"]] = system
    return best


def number(value, form="{:.0f}", scale=1):
    return "-" if value is None else form.format(value * scale)


def print_case(report, entry):
    case, found = entry["case"], figures(report, entry)
    mine = found.get("mixln", {}).get("tokens_per_s")
    print(f"\n{case['name']}: {case['size']}, {case['norm']}, B {case['batch']}, T {case['seq']}, {case['dtype']}, "
          f"{case['threads']} threads")
    print(f"{'system':<36} {'tokens/s':>9} {'ms/step':>9} {'of peak':>8} {'of held':>8} {'peak MiB':>9} {'1st step s':>10} "
          f"{'mixln is':>9}")
    for system, one in found.items():
        if "error" in one:
            print(f"{label(system):<36} {one['error']}")
            continue
        ratio = mine / one["tokens_per_s"] if mine else None
        print(f"{label(system):<36} {one['tokens_per_s']:>9.0f} {one['ms_per_step']:>9.0f} "
              f"{number(one['share_of_peak'], '{:.1f}%', 100):>8} {number(one['share_of_held'], '{:.1f}%', 100):>8} "
              f"{one['peak_rss_mib']:>9} "
              f"{number(one['first_step_done_s'], '{:.1f}'):>10} {number(ratio, '{:.2f}x'):>9}")
    if mine:
        for dtype, peer in best_peers(found).items():
            print(f"mixln is {mine / found[peer]['tokens_per_s']:.2f} x the best peer in {dtype} ({label(peer)}), "
                  f"with {found['mixln']['peak_rss_mib'] / found[peer]['peak_rss_mib']:.2f} x its memory")
        me = found["mixln"]
        if me.get("to_first_step_s") is not None:
            print(f"mixln: command to the first step's begin {me['to_first_step_s']:.2f} s"
                  + (f", compiling first {me['cold_to_first_step_s']:.2f} s" if me.get("cold_to_first_step_s") else ""))
