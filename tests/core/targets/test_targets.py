"""The list of targets."""

import pytest

from core.targets import TARGET_IDS, TARGETS, in_order, target_by_id


def test_ids_are_unique_and_lead_to_their_targets():
    assert len(set(TARGET_IDS)) == len(TARGETS) == 6
    assert [target_by_id(target_id) for target_id in TARGET_IDS] == list(TARGETS)
    with pytest.raises(KeyError):
        target_by_id("onnx_fp8")


def test_requested_targets_come_once_and_in_order_without_unknown_ones():
    assert in_order(["ncnn", "onnx_fp16", "onnx_fp8", "ncnn"]) == ("onnx_fp16", "ncnn")
