"""The benchmark: how many orders the engine carries, how fast, and at what cost.

A load generator in a process of its own places orders and checks every event that it is
told. Beside it the CPU and memory of all processes are read from the kernel.
"""
