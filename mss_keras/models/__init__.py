"""Tensors to tensors; knows no loss.

openunmix.py  the OpenUnmix network: mixture magnitudes to masks
masking.py    encoder, masker, decoder: mixture waveform to stems
"""
