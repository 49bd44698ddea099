"""Figures of a results file written by hand: medians over rounds, the best peer of each type, shares of peak."""
import sys

sys.path.insert(0, sys.argv[1])
import summary
import systems

case = {"name": "x", "size": "9m", "norm": "pre", "batch": 8, "seq": 256, "dtype": "fp32", "threads": 2}


def run(rate, memory=100, **more):
    return {"tokens_per_s": rate, "ms_per_step": 2048e3 / rate, "peak_rss_mib": memory, **more}


runs = {"mixln": [run(90, flops_per_token=10, held_flops=1000), run(100, flops_per_token=10, held_flops=1250),
                  run(400, flops_per_token=10, held_flops=4000)],
        "torch_llama.py": [run(40)], "torch_llama.py --compile": [run(50), {"error": "killed"}],
        "torch_llama.py --dtype bf16_pure": [run(80)], "jax_llama.py": [{"error": "not installed"}]}
report = {"ceilings": [{"threads": 1, "fma_flops": 1, "dot_flops": 1}, {"threads": 2, "fma_flops": 2000, "dot_flops": 1}]}
found = summary.figures(report, {"case": case, "runs": runs})
best = summary.best_peers(found)
assert found["mixln"]["tokens_per_s"] == 100 and found["jax_llama.py"] == {"error": "not installed"}
assert summary.label("torch_llama.py --compile=max-autotune --dtype bf16") == "torch.compile max-autotune bf16"
flags, extra = systems.flags_of(case, "mixln --norm lns --seed 3")
assert summary.held_rate({"fma_mean_flops": 3, "dot_mean_flops": 0}, "bf16") == 3
assert summary.held_rate({"fma_flops": 3, "dot_flops": 4}, "fp32") is None
assert flags["norm"] == "lns" and flags["batch"] == 8 and extra == ["--seed", "3"]
print(f"best fp32 {best['fp32']}, best bf16_pure {best['bf16_pure']}, share {found['mixln']['share_of_peak']:.2f}, "
      f"{found['mixln']['share_of_held']:.2f}")
