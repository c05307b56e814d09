"""`python -m deploy.local.demo`: play the main job on the running stack, and say where everything is.

Exit status 0 only if every step was observed.
"""

import sys
import time
import traceback

from deploy.local.demo.story import Story, World
from deploy.local.demo.watch import Seen, TopicWatcher
from deploy.local.paths import STACK
from deploy.local.plan import Plan
from deploy.local.stack import Stack


class Teller:
    """Prints the timeline: seconds since the beginning, who, what."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def line(self, who: str, what: str) -> None:
        # One write: two threads tell, and `print` writes the line's end by itself.
        sys.stdout.write(f"{time.monotonic() - self._began:7.1f} s  {who:<9} {what}\n")
        sys.stdout.flush()

    def step(self, what: str) -> None:
        """A step that was observed."""
        self.line("done", what)

    def waiting(self, what: str) -> None:
        """A long step goes on."""
        self.line("waiting", what)

    def record(self, seen: Seen) -> None:
        """A record as an independent consumer read it."""
        wanted = ("addon_key", "workspace_id", "user_id", "scope", "reason", "generation")
        fields = " ".join(f"{name}={seen.value[name]}" for name in wanted if seen.value.get(name) not in (None, ""))
        self.line("kafka", f"{seen.topic}  {seen.type}  {fields}")


def world_of(stack: Stack) -> World:
    """The addresses of a stack."""
    plan = stack.plan

    def make_operator(email: str) -> None:
        ran = stack.run("auth", "operator", email)
        if ran.returncode:
            raise RuntimeError(f"auth operator {email}: {(ran.stderr or ran.stdout).strip()[-800:]}")

    return World(
        marketplace=plan.public_url,
        product=f"http://localhost:{plan.ports['product']}",
        addon=f"http://localhost:{plan.ports['addon']}",
        addon_control=plan.url("addon_control"),
        mail=plan.mail_url,
        kafka=plan.kafka,
        make_operator=make_operator,
    )


def main() -> None:
    plan = Plan.saved(STACK)
    if plan is None or not (stack := Stack(plan)).running():
        sys.exit("No stack runs; `make demo` starts one, `make up` as well.")
    teller = Teller()
    print(f"\nThe main job, through {plan.public_url}\n")
    try:
        with TopicWatcher(plan.kafka, teller.record, teller.waiting) as topics:
            story = Story(world_of(stack), topics, teller.step)
            story.play()
    except Exception:  # noqa: BLE001 - whatever went wrong, the demo has failed and says where
        traceback.print_exc()
        sys.exit("\nThe demo failed at the step above. Logs: make logs. Stop: make down")
    admin = story.admin
    print(f"""
Every step was observed.

  marketplace   {plan.public_url}
  API           {plan.public_url}/api/{{auth,catalog,installer,notifier}}/openapi.json
  mails         {plan.mail_url}
  product       http://localhost:{plan.ports["product"]}
  demo admin    {admin.email}  password {admin.password}  (log in with the product "acme")
  stop          make down
""")


if __name__ == "__main__":
    main()
