"""The language model with linear attention: a memory matrix that the gated delta rule corrects."""
