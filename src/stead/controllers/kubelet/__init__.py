"""The kubelet: one pod and what its containers do in; runtime actions and a status out."""
