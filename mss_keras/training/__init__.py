"""Where model, domain and loss meet.

separator.py    the Keras model that trains: domains and losses in `compute_loss`
networks.py     what losses compare through: VGGish
optimizer.py    Adam with open-unmix's weight decay
devices.py      which devices a run uses
checkpoints.py  atomic, exact checkpoints
callbacks.py    NaN guard, state of a run, TensorBoard
interrupt.py    Ctrl-C that is not lost
history.py      the history as CSV
plots.py        training curves and spectrograms as PNG
report.py       table, pictures and stems of a finished run
runs.py         the folder of a run; reading a trained model back
loop.py         a run from configuration to report
"""
