"""The rules of secrets find what they forbid, and nothing else."""

from tests.house.secret_rules import secret_faults


def test_a_key_or_a_path_of_one_machine_is_found():
    key = "sk-" + "Zq7Rw9Kp2Lm5Vx8Tn4Bc6"
    assert [fault.split(":")[0] for fault in secret_faults(f"key = '{key}'")] == [
        "holds what looks like a key"
    ]
    assert secret_faults("key = 'sk-EXAMPLE" + "0" * 20 + "'") == []
    assert secret_faults("see " + "/home" + "/ann/rollout") == [
        "holds a path of one machine: " + "/home" + "/ann"
    ]
    assert secret_faults("https://x.example/home/page, ./Users/a, api/root/b") == []
