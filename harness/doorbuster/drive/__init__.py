"""The kinds of driving: who places orders, when, and under which schedule."""
