"""The proving ground: the same kernel on a clock that jumps, lives drawn from seeds, promises kept at every step."""
