//! What needs root: the probes and the lists against the kernel, in network namespaces of their own.
