"""Synthetic documents of English-like sentences, the same on every machine and Python, and a tokenizer for them."""
import gzip
import json
import pathlib

import mixlntest as mt

NOUNS = ("river", "engine", "garden", "teacher", "window", "market", "winter", "letter", "mountain", "kitchen", "captain",
         "island", "painter", "village", "machine", "forest", "doctor", "bridge", "lantern", "harbour")
VERBS = ("carries", "finds", "leaves", "watches", "builds", "follows", "remembers", "opens", "crosses", "paints")
OTHER = ("the", "a", "every", "old", "quiet", "small", "bright", "and", "near", "behind", "while", "often", "in", "of")
# Marks that a tokenizer may treat in its own way: punctuation, digits, accents, a ligature, another script.
ODD = ("3", "12", "1999", "café", "naïve", "ﬁne", "½", "日本", "—", "e.g.", "don't", "\u00a0", "  ", "\n", "\t", "🙂", "Ⅳ")


class Numbers:
    """A linear congruential generator: no library has to keep its numbers."""
    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % limit

    def pick(self, words):
        return words[self.below(len(words))]


def documents(count, seed=1, longest=14, odd=False):
    numbers = Numbers(seed)
    for _ in range(count):
        sentences = []
        for _ in range(1 + numbers.below(longest)):
            words = []
            for _ in range(1 + numbers.below(3)):
                words += [numbers.pick(OTHER), numbers.pick(OTHER), numbers.pick(NOUNS), numbers.pick(VERBS),
                          numbers.pick(OTHER), numbers.pick(NOUNS)]
                if odd:
                    words.append(numbers.pick(ODD))
            sentences.append(" ".join(words).capitalize() + numbers.pick((".", ".", "!", "?")))
        yield " ".join(sentences)


def write_documents(path, count, **options):
    """JSON lines, compressed where the name ends in .gz."""
    text = "".join(json.dumps({"text": document}, ensure_ascii=False) + "\n" for document in documents(count, **options))
    data = text.encode()
    pathlib.Path(path).write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)
    return path


def write_tokenizer(path):
    """Letters, and the words with their space in front."""
    words = sorted({"\u2581" + word for word in NOUNS + VERBS + OTHER})
    return mt.write_tokenizer(path, mt.LETTERS + [".", "!", "?"] + words)
