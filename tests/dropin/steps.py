"""Training and validation metrics at different steps, as many scripts log them."""

import argparse
import random

import wandb

parser = argparse.ArgumentParser(description="Train an example model")
parser.add_argument("--max_epochs", type=int, default=20)
parser.add_argument("--validate_every", type=int, default=10)
parser.add_argument("--learning_rate", type=float, default=0.01)


def loss_curve(step):
    noise = (random.random() - 0.5) * 0.5
    return 10 / (step + 1) * (1 + noise)


def main():
    args = parser.parse_args()
    wandb.init(project="examples", config=args, tags=["example"], notes="uncommitted parts")
    wandb.define_metric("val_acc", summary="max")
    wandb.config.architecture = "none"
    for step in range(wandb.config.max_epochs):
        print("Step", step)
        loss = loss_curve(step)
        wandb.log({"loss": loss, "acc": (100 - loss) / 100}, commit=False)
        if step % args.validate_every == 0:
            wandb.log({"val_acc": (95 - loss) / 100}, commit=False)
        wandb.log()


if __name__ == "__main__":
    main()
