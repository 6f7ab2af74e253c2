"""The StatefulSet controller: one set, its pods, claims and revisions in; one Plan out."""
