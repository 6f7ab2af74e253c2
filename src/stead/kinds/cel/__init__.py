"""The Common Expression Language, as custom kinds write their rules in it (`x-kubernetes-validations`).

Text becomes a tree (`syntax`), the tree a checked program (`checking`, against `declarations` and the types a schema
makes), the program a value (`operators` and the libraries beside it), and a schema's programs the rules of a kind
(`rules`). Nothing here is loaded before the first definition that has a rule; why it is our own: decision 5.
"""
