"""Tensors to tensors; knows no loss.

openunmix.py  the OpenUnmix network: mixture magnitudes to masks
vggish.py     VGGish, frozen: feature maps of a separator's magnitudes
hub.py        its weights out of the TF-Hub module, checked
masking.py    encoder, masker, decoder: mixture waveform to stems
"""
