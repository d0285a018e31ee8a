"""How far normal distributions are from the standard one."""

from keras import ops

from kmusic.types import Tensor


def gaussian_divergence(z_mean: Tensor, z_log_var: Tensor) -> Tensor:
    """Give the Kullback-Leibler divergence of normal distributions from the standard normal one.

    Args:
        z_mean: Means, shape `(batch, latent_dim)`.
        z_log_var: Natural logarithms of the variances, the coordinates being independent, shape
            `(batch, latent_dim)`.

    Returns:
        Divergences in nats, 0 only for mean 0 and variance 1, shape `(batch,)`.

    Source:
        Kingma and Welling (2014), appendix B.
    """
    return ops.sum(divergence_by_dimension(z_mean, z_log_var), axis=-1)


def divergence_by_dimension(z_mean: Tensor, z_log_var: Tensor) -> Tensor:
    """Give what each coordinate adds to the divergence of `gaussian_divergence`.

    Args:
        z_mean: As there.
        z_log_var: As there.

    Returns:
        Divergences in nats, shape `(batch, latent_dim)`.
    """
    return 0.5 * (ops.square(z_mean) + ops.exp(z_log_var) - 1.0 - z_log_var)
