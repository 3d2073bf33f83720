"""A job that is preempted half-way and started again with the same command: WANDB_RUN_ID=job WANDB_RESUME=allow."""

import os
import sys

import wandb

run = wandb.init(project="preempted", group="workers", name="worker-0", config={"steps": 6})
if wandb.run.resumed:
    print("resumed at step", wandb.run.step)
for step in range(wandb.run.step, wandb.config.steps):
    wandb.log({"loss": 1.0 / (step + 1)})
    if step == 2 and not wandb.run.resumed:
        os.kill(os.getpid(), 9)
wandb.summary.update({"done": True})
wandb.finish()
sys.exit(0)
