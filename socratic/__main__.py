"""Ask, compare and publish: `python -m socratic --help`."""

import sys
from typing import Annotated

import typer

from socratic import (
    comparison,
    console,
    decoding,
    generation,
    printing,
    prompts,
    publish_commands,
    results,
    runs,
    score_command,
    systems,
    tables,
)
from socratic.console import JsonOption, WorkspaceOption
from socratic.errors import GenerationError, UsageError
from socratic.generation import Answer, Request
from socratic.pool import ENGINES, Pool
from socratic.rating import commands as rating_commands
from socratic.systems import System
from socratic.workspace import Workspace

app = typer.Typer(
    help="Ask, compare and publish.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command("score")(score_command.score)
app.command("publish")(publish_commands.publish)
app.command("pull")(publish_commands.pull)
app.command("space")(publish_commands.space)
app.command("prepare")(publish_commands.prepare)
app.command("record")(publish_commands.record)
app.add_typer(rating_commands.app, name="ratings")


@app.command("generate")
def generate(
    context: Annotated[str, typer.Option(help="The opinion to ask about; - reads it from stdin.")],
    family: Annotated[
        str | None, typer.Option(help="thesis or miniature; the newest adapter of each model.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Key, run, adapter or model folder; again for more.")
    ] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="A question type; all five if none.")
    ] = None,
    decoding_name: Annotated[str, typer.Option("--decoding", help="thesis or paper.")] = "thesis",
    seed: Annotated[int, typer.Option(help="For sampling; equal seeds give equal text.")] = 42,
    engine: Annotated[str, typer.Option(help=f"{', '.join(ENGINES)}: what makes tokens.")] = "auto",
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Ask Socratic questions about a context, of several models side by side."""
    place = Workspace.open(workspace)
    request = Request(
        context=sys.stdin.read() if context == "-" else context,
        types=tuple(type_ or prompts.TYPE_KEYS),
        systems=chosen_systems(model, family, place),
        decoding=decoding.preset(decoding_name).changed(seed=seed),
    )
    answers = []
    for answer in generation.ask(request, Pool(place, engine)):
        answers.append(answer)
        if not as_json:
            _print_answer(answer)
    if as_json:
        console.print_json([row for answer in answers for row in answer.records()])
    problems = [f"{answer.system.title}: {answer.error}" for answer in answers if answer.error]
    if problems:
        raise GenerationError(" ".join(problems))


def chosen_systems(
    models: list[str] | None, family: str | None, place: Workspace
) -> tuple[System, ...]:
    """Return what is asked: the models named, else the newest adapters of a family."""
    if models:
        return tuple(systems.resolve(name, place) for name in models)
    wanted = family or systems.opening_family(place)
    found = tuple(systems.newest_per_model(place, wanted))
    if not found:
        raise UsageError(
            f"There is no trained adapter of the family {wanted!r}; train one, or name a model "
            "with --model."
        )
    return found


def _print_answer(answer: Answer) -> None:
    label = " (miniature)" if answer.system.family == "miniature" else ""
    print(f"\n{answer.system.title}{label}")
    for note in answer.notes:
        print(f"  {note}")
    for card in answer.cards:
        for question in card.questions:
            print(f"  {prompts.question_type(card.type).label}: {question}")
    if answer.cards:
        first = answer.cards[0]
        print(f"  {first.seconds:.2f} s for {len(answer.cards)} types, {first.engine}")


@app.command("table")
def table(
    latex: Annotated[bool, typer.Option("--latex", help="Print a booktabs table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print every record as CSV.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Print own scores, floors and published baselines in one table, tests in its caption."""
    if latex + csv + as_json + markdown > 1:
        raise UsageError("Choose one of --latex, --markdown, --csv and --json.")
    place = Workspace.open(workspace)
    folders = [run.path for run in runs.discover(place)]
    found, damaged = results.load(folders)
    records = results.records(found)
    for problem in damaged:
        print(problem, file=sys.stderr)
    if as_json:
        console.print_json([record.model_dump() for record in records])
    elif latex or markdown:
        make = printing.as_latex if latex else printing.as_markdown
        print(make(records, findings=comparison.tested(records, place)), end="")
    elif csv:
        print(printing.as_csv(records), end="")
    else:
        frame = tables.metric_table(records)
        rows = frame.fillna("").astype(str).to_numpy().tolist()
        console.print_table([str(column) for column in frame.columns], rows)


if __name__ == "__main__":
    console.run(app)
