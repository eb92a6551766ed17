"""Where model, domain and loss meet.

separator.py         the Keras model that trains: domains and losses in `compute_loss`
networks.py          what losses compare through: VGGish, discriminators
opponents.py         the discriminators' own step
phases.py            pretraining, then adversarial training
optimizer.py         Adam with open-unmix's weight decay
devices.py           which devices a run uses
checkpoints.py       atomic, exact checkpoints
callbacks.py         NaN guard, state of a run, TensorBoard
interrupt.py         Ctrl-C that is not lost
history.py           the history as CSV
plots.py             training curves and spectrograms as PNG
report.py            table, pictures and stems of a finished run
runs.py              the folder of a run; reading a trained model back
loop.py              a run from configuration to report
claims.py            folders that belong to one work
processes.py         work in processes of its own
songs.py             separating songs of any length
importing.py         models of open-unmix
estimates.py         stems to be scored: read, separated, oracles
evaluation.py        scoring a data set
readings.py          losses read as metrics
tables.py            scores as tables and pictures
benchmark.py         every loss trained alike
benchmark_report.py  its table and pictures
search.py            weights of losses searched with KerasTuner
search_plan.py       what a search is asked for
search_tuner.py      its trials
search_space.py      what is searched
search_oracles.py    KerasTuner's Oracles, safe against kills
search_chief.py      chief and workers
search_report.py     a search's lines and table
search_pictures.py   its pictures, and TensorBoard's HParams
"""
