"""The network: an ensemble's answers, its temperature, and the first linear step."""

import pytest
import torch

from facewave.mlp.network import (
    Ensemble,
    MlpNetwork,
    Projection,
    fit_temperature,
    mean_logits,
    plain_layers,
)


def test_answers_are_the_mean_of_the_members():
    members = Ensemble(members=3, n_features=4, hidden=(5,), n_classes=2, dropout=0.5).eval()
    features = torch.randn(6, 4)
    logits = members(features)
    mean = logits.softmax(dim=2).mean(dim=0)
    torch.testing.assert_close(mean_logits(logits).softmax(dim=1), mean)
    network = MlpNetwork(Projection([torch.eye(4)]), members, temperature=2.0).eval()
    torch.testing.assert_close(network(features), mean.log() / 2)


def test_members_do_not_see_each_other():
    members = Ensemble(members=2, n_features=4, hidden=(), n_classes=2, dropout=0.0)
    members(torch.randn(6, 4))[0].sum().backward()
    assert members.weights[0].grad is not None
    assert not members.weights[0].grad[1].any()


def test_temperature_of_overconfident_answers():
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=random)
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=random)[:, 0]
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)
    assert fit_temperature(logits, labels) == pytest.approx(1, rel=0.1)


def test_temperature_of_a_few_clips_stays_near_one():
    logits = 2 * torch.eye(3).repeat(2, 1)
    assert 0.6 < fit_temperature(logits, torch.arange(3).repeat(2)) < 1


@pytest.mark.parametrize("hidden", [(5,), ()])
def test_plain_network_is_its_first_layer_and_the_rest(hidden):
    layers = plain_layers(n_features=4, hidden=hidden, n_classes=2, dropout=0.5)
    network = MlpNetwork(None, layers, temperature=2.0).eval()
    _check_first_step(network)


def test_projected_network_is_its_projection_and_the_rest():
    bases = [torch.randn(3, 2), torch.randn(1, 1)]
    layers = Ensemble(members=2, n_features=3, hidden=(5,), n_classes=2, dropout=0.5)
    _check_first_step(MlpNetwork(Projection(bases), layers, temperature=2.0).eval())


def _check_first_step(network):
    """Inputs of three columns and one, whose contributions to the first step are added up."""
    features = torch.randn(6, 4)
    (first, one), (second, other) = network.first_layer([3, 1])
    sums = torch.zeros(6, second + other.shape[1])
    sums[:, first : first + one.shape[1]] += features[:, :3] @ one
    sums[:, second:] += features[:, 3:] @ other
    with torch.inference_mode():
        torch.testing.assert_close(network.after_first_layer(sums), network(features))
