"""How the programs that published the benchmarks score, defects included, so that their numbers can be had again.

Each module holds one way of reading an answer, under what it does. They are written anew from what those programs were
seen to do, and compared with them answer by answer. Nothing here is used by our own scoring.
"""
