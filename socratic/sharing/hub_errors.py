"""What the Hub's library raises -> one sentence of ours.

A sentence never quotes a response: it may repeat headers or addresses with secrets in them.
"""

import re

from socratic.errors import HubError, SocraticError
from socratic.workspace import told


def explained(error: Exception, repo: str) -> SocraticError:
    """Return `error` as one sentence about `repo`; raise it again when it is a bug of ours."""
    from huggingface_hub import errors

    if isinstance(error, SocraticError):
        return error
    sentence = _refusal(error, repo) or _no_connection(error, repo)
    if sentence:
        return HubError(sentence)
    if isinstance(error, errors.HFValidationError):
        return HubError(f"The Hub cannot have a repository {repo!r}; write it as OWNER/NAME.")
    if isinstance(error, OSError) and error.errno is not None:
        return HubError(f"A file of {repo!r} could not be read or written ({told(error)}).")
    raise error


def _refusal(error: Exception, repo: str) -> str:
    """Return what the Hub refused, or nothing where it did not answer at all."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.LocalTokenNotFoundError):
        return "No Hub token is known here; `hf auth login` or set HF_TOKEN."
    if isinstance(error, errors.GatedRepoError):
        return f"{repo!r} is gated; accept its terms on the Hub, then `hf auth login`."
    if isinstance(error, errors.RepositoryNotFoundError) or status == 404:
        return (
            f"There is no repository {repo!r} on the Hub, or it is private (then `hf auth login`)."
        )
    return f"The Hub answered {status} for {repo!r}: {_meaning(status)}." if status else ""


def _meaning(status: int) -> str:
    known = {
        400: "it does not accept what was sent",
        401: "the token is missing or not valid; `hf auth login` or set HF_TOKEN",
        403: "the token may not do this; use one with write access to that owner",
        409: "somebody else is changing the repository; run it again",
        429: "too many requests; wait a few minutes, then run it again",
    }
    return known.get(status, "the fault is on its side; run it again later")


def _no_connection(error: Exception, repo: str) -> str:
    from huggingface_hub import constants, errors

    chain = (error, error.__cause__, error.__context__)
    if any(isinstance(each, errors.OfflineModeIsEnabled) for each in chain):
        return f"HF_HUB_OFFLINE is set, so the Hub was not asked for {repo!r}; unset it first."
    # The base of the HTTP client's errors, whichever client this release is built on.
    client: type[Exception] = vars(errors)["HTTPError"]
    if not isinstance(
        error, (client, ConnectionError, TimeoutError, errors.LocalEntryNotFoundError)
    ):
        return ""
    endpoint = re.sub(r"//[^/@]*@", "//", constants.ENDPOINT)
    return (
        f"The Hub at {endpoint} cannot be reached ({type(error).__name__}); check the network, "
        "then run it again: what was sent or got so far is kept."
    )
