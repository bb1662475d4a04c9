"""How amalia-vl-eval takes reasoning out of an answer, for the tasks that ask for it (PorTEXTO, CARAVELA).

Unlike ours it keeps a block that was never closed, so reasoning that was cut off is scored as the answer.
"""

_TAGS = (
    ("<think>", "</think>"),
    ("<reasoning>", "</reasoning>"),
    ("<|channel>thought", "<channel|>"),
)


def without_tags(text: str) -> str:
    """Take out closed blocks, and what stands before a closing tag that was never opened."""
    for opened, closed in _TAGS:
        start = text.find(opened)
        while start >= 0 and (end := text.find(closed, start)) >= 0:
            text = text[:start] + text[end + len(closed) :]
            start = text.find(opened)
        if start < 0:
            text = text.split(closed)[-1]
    return text.strip()
