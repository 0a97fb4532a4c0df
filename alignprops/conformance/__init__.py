"""What other people's losses, estimators and masks should compute: problems, expected values, and how code is called.

A *problem* is an instance that a theorem is attacked with: arrays in float64 and the dtype that the code is called in.
A *call* holds the same as tensors, under the names of the kind. A *conformer* is somebody's code behind the kind's
own interface; what it makes of a problem is *found*, and compared with what is *expected*.
"""
