"""What to do with a report: its studies come in, one or two sentences on each go out.

`training.report.html` shows them above the tables, `axon.console` two of them after a training.
"""

from collections.abc import Sequence

from training.report.insights import Familiarity, FeatureImportance, Peer
from training.report.report import LearningPoint, Report
from training.report.wording import percent
from training.univariate import TOO_GOOD

WORTH_MENTIONING = 0.5
"""Share of a layer's units that are dead or saturated before the report says so."""

ENOUGH_CLICKS = 20
"""Impressions with fewer clicks are too few to be judged apart."""

FADED = 0.01
"""A first layer whose gradient is shorter than this share of the last hidden layer's hardly learns."""

OUTSTANDING = 0.85
"""AUC of one feature alone from which it is asked about, if no other comes near it."""

AHEAD = 1.25
"""So many times as far above 0.5 as the next best is far ahead."""


def peers_advice(report: Report) -> str:
    """Whether another model does better, and what follows."""
    best = best_peer(report)
    if best is None:
        return ""
    distance = f"{abs(best.behind):.4f}{_error(best)}"
    if best.behind >= 0:
        sure = "" if best.is_clear else ", which may be chance"
        return f"Ahead of every other model; the nearest, {best.name}, has a log loss higher by {distance}{sure}. {_more(report)}"
    if not best.is_clear:
        return (
            f"{best.name} has a log loss lower by {distance}, which may be chance: judge on more impressions before "
            f"changing anything."
        )
    if best.name == "lightgbm":
        return (
            f"lightgbm does better: its log loss is lower by {distance} on the same columns. The network is not at its "
            "best: train longer, or search its size and learning rate."
        )
    return (
        f"{best.name} does better: its log loss is lower by {distance}. Try it with settings of its own: axon tune "
        "chooses on the validation slice, so that this one can still judge."
    )


def best_peer(report: Report) -> Peer | None:
    """The other model with the lowest log loss; nobody where none was trained."""
    return next((peer for peer in report.peers if peer.name != "prior"), None)


def _more(report: Report) -> str:
    tried = {peer.name for peer in report.peers} - {"prior", "logistic", report.family}
    return "" if tried else "axon train --compare all tries every family, and LightGBM."


def _error(peer: Peer) -> str:
    return "" if peer.standard_error is None else f" ± {peer.standard_error:.4f}"


def depth_advice(report: Report) -> str:
    """Whether the number of hidden layers should change."""
    if not report.depths:
        return ""
    best = report.depths[0]
    if best.behind < 0 and best.is_clear:
        return f"{best.name} does better by {-best.behind:.4f}{_error(best)}: set model.hidden so."
    close = [peer.name for peer in report.depths if not peer.is_clear and _is_smaller(peer, report)]
    if close:
        return f"{close[0]} cannot be told apart and is smaller: take it where a prediction must be cheap."
    return "Neither one hidden layer more nor one less does clearly better: the depth is right."


def _is_smaller(peer: Peer, report: Report) -> bool:
    return (
        peer.parameters is not None and report.parameters is not None and peer.parameters < report.parameters
    )


def importance_advice(report: Report) -> str:
    """Which features carry the model, and which carry nothing."""
    if report.importance is None or not report.importance.features:
        return ""
    features = report.importance.features
    first = f"Most depends on {_listed([found.feature for found in features[:3]])}."
    idle = [found.feature for found in features if not _counts(found)]
    if not idle:
        return f"{first} Every feature counts."
    shown = _listed(idle[:5]) + (f" and {len(idle) - 5} more" if len(idle) > 5 else "")
    return (
        f"{first} Permuting {shown} costs nothing that can be measured: try the model without them, one at a time, as "
        "features that say the same stand in for one another."
    )


def leak_advice(report: Report) -> str:
    """Which features may be known only after the click; empty where nothing speaks for it."""
    if report.importance is None:
        return ""
    ordered = sorted(report.importance.features, key=lambda found: -(found.alone or 0.0))
    suspects = [found for found in ordered if (found.alone or 0.0) >= TOO_GOOD]
    if not suspects and _is_far_ahead([found.alone for found in ordered if found.alone is not None]):
        suspects = ordered[:1]
    if not suspects:
        return ""
    names = _listed([f"{found.feature} (AUC {found.alone:.3f} alone)" for found in suspects])
    known = "is it" if len(suspects) == 1 else "are they"
    return f"{names} may come after the click: {known} known before it?"


def _is_far_ahead(aucs: Sequence[float]) -> bool:
    """Whether the first of these falling AUCs is more than a feature known before the click has beside such others."""
    if not aucs:
        return False
    return aucs[0] >= OUTSTANDING and aucs[0] - 0.5 > AHEAD * (max(aucs[1:], default=0.5) - 0.5)


def _counts(found: FeatureImportance) -> bool:
    return found.increase > 2.0 * found.spread


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def familiarity_advice(report: Report) -> str:
    """How much of the slice is new to the model, and whether it knows anything there."""
    impressions = sum(found.metrics.impressions for found in report.familiarity)
    new = [found for found in report.familiarity if "unseen" in (found.user, found.item)]
    share = sum(found.metrics.impressions for found in new) / impressions if impressions else 0.0
    if not impressions:
        return ""
    if not share:
        return "Every user and item was seen in training: these figures say nothing about new ones."
    start = f"{percent(share)} of the impressions have a user or an item that training has not seen."
    judged = [found for found in new if found.metrics.clicks >= ENOUGH_CLICKS]
    if not judged:
        return f"{start} They are too few to say how the model fares with them."
    lost = [_named(found) for found in judged if (found.metrics.normalised_entropy or 0.0) >= 1.0]
    if lost:
        return (
            f"{start} With {_listed(lost)} the model is no better than the click rate: give it features that new ones "
            "have too, set training.id_dropout, or retrain more often."
        )
    return f"{start} The model knows something of them too: normalised entropy is below 1."


def _named(found: Familiarity) -> str:
    sides = [f"{known} {side}s" for side, known in (("user", found.user), ("item", found.item)) if known]
    return " and ".join(sides)


def layer_advice(point: LearningPoint) -> str:
    """What ails a layer of the restored network, and what helps."""
    ailing = [
        *(_of(point, "dead", "dead: lower the learning rate, take gelu or fewer units")),
        *(_of(point, "saturated", "saturated: scale the numbers, take relu or a lower learning rate")),
    ]
    hidden = [
        look.gradient_norm for name, look in point.layers.items() if "hidden" in name and look.gradient_norm
    ]
    if len(hidden) > 1 and hidden[0] < FADED * hidden[-1]:
        ailing.append(
            "the gradient fades before the first hidden layer: take fewer layers, relu or batch_norm"
        )
    if not ailing:
        return "No layer is dying, saturated or starved of gradient."
    return f"{'; '.join(ailing)}."


def _of(point: LearningPoint, measure: str, words: str) -> list[str]:
    shares = {name: getattr(look, measure) for name, look in point.layers.items()}
    return [
        f"{name} is {percent(share)} {words}"
        for name, share in shares.items()
        if share is not None and share >= WORTH_MENTIONING
    ]


def terminal_lines(report: Report) -> list[str]:
    """The best other model, the features that matter most, what is suspicious, why ONNX Runtime cannot serve it, and every note: a line each."""
    best, lines = best_peer(report), []
    if best is not None:
        side = "above" if best.behind >= 0 else "below"
        lines.append(f"next best {best.name}, its log loss {abs(best.behind):.4f}{_error(best)} {side}")
    if report.importance is not None and report.importance.features:
        names = [found.feature for found in report.importance.features[:3]]
        lines.append(f"matters   {', '.join(names)}")
    if leak := leak_advice(report):
        lines.append(f"warning   {leak}")
    if report.tensorflow_only is not None:
        lines.append(f"warning   served with TensorFlow alone: {report.tensorflow_only}")
    return lines + [f"note      {note}" for note in report.notes]
