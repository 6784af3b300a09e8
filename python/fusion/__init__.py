"""Exact rewrites of an ONNX graph, found by its structure and never by names.

``graph`` holds the graph while it is changed, ``folds`` the rewrites of neighbouring nodes,
``trunk`` the one that needs the whole residual trunk.
"""
