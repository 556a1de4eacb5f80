# 7 epochs of Adam in one cycle: random weights learn faster so than by the published schedule.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=7, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = dict(
    type='OneCycleLR', eta_max=1e-3, total_steps=7, pct_start=0.2, convert_to_iter_based=True
)
auto_scale_lr = dict(enable=False, base_batch_size=8)
