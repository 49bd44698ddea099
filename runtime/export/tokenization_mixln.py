# The tokenizer that this model was trained with, for transformers.
import os
import shutil

import sentencepiece
from transformers import PreTrainedTokenizer


class MixlnTokenizer(PreTrainedTokenizer):
    """A sentencepiece model that puts nothing around a text."""

    vocab_files_names = {"vocab_file": "tokenizer.model"}
    model_input_names = ["input_ids", "attention_mask"]

    def __init__(self, vocab_file, **kwargs):
        self.vocab_file = vocab_file
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=vocab_file)
        for name in ("bos", "eos", "unk", "pad"):
            piece = getattr(self.pieces, name + "_id")()
            if piece >= 0:
                kwargs.setdefault(name + "_token", self.pieces.id_to_piece(piece))
        super().__init__(**kwargs)

    @property
    def vocab_size(self):
        return self.pieces.get_piece_size()

    def get_vocab(self):
        vocab = {self.pieces.id_to_piece(i): i for i in range(self.vocab_size)}
        return {**vocab, **self.added_tokens_encoder}

    def _tokenize(self, text, **_):
        return self.pieces.encode(text, out_type=str)

    def _convert_token_to_id(self, token):
        return self.pieces.piece_to_id(token)

    def _convert_id_to_token(self, index):
        return self.pieces.id_to_piece(index)

    def convert_tokens_to_string(self, tokens):
        special = set(self.all_special_tokens)
        return self.pieces.decode([t for t in tokens if t not in special])

    def build_inputs_with_special_tokens(self, ids, pair=None):
        return ids + (pair or [])

    def save_vocabulary(self, save_directory, filename_prefix=None):
        name = (filename_prefix + "-" if filename_prefix else "") + "tokenizer.model"
        path = os.path.join(save_directory, name)
        if os.path.abspath(path) != os.path.abspath(self.vocab_file):
            shutil.copyfile(self.vocab_file, path)
        return (path,)
