"""Containers through a CRI v1 socket (containerd, and engines like it): for those who want a real engine underneath.

Loaded only where it is chosen. `mapping` says what orders mean in CRI's words, `runtime` is the mailbox, `containerd`
starts an engine of our own. The images come from the one store that every runtime has, over a loopback registry.
"""
