"""Mean field of adaptive exponential integrate-and-fire neurons (AdEx), first and second order.

Populations E and I of a region, with rates in kHz. What a population fires at given inputs is its
transfer function F: a threshold fitted to single neurons, met by a membrane potential whose mean,
standard deviation and correlation time follow from the inputs (Zerlaut et al., J Comput Neurosci
44:45, 2018). The master equation (di Volo et al., Neural Comput 31:653, 2019) needs F's first and
second derivatives: here in closed form.

Units: ms, kHz, mV, nS, pF, pA; the threshold's coefficients in V, as they are published.
"""
# The names are those of the papers; the numbers may be arrays, registers or scalars.
# ruff: noqa: N803, N806, E741
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from l2l.optimizees.whole_brain.maths import erfc, exp, maximum, sqrt
from l2l.optimizees.whole_brain.model import Model, ModelParameter, State

SQRT_HALF = 0.7071067811865476
INVERSE_SQRT_PI = 0.5641895835477563
#: mV. Potentials are counted from here inside, which saves a digit in single precision.
CENTRE = -60.0
SPONTANEOUS = 1e-6  #: kHz, release of transmitter without a spike


def membrane(x, y, W, g_L, E_L, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i):
    """Return what F and its derivatives are made of, from the rates x, y (kHz) of all synapses.

    Excitatory synapses bring the conductance a x, a = Q_e tau_e, inhibitory ones b y; r is the
    inverse of the sum with the leak. X = a r x and Y = b r y are their parts of it; p and q the
    distances from the mean potential, which is v above -60 mV, to the reversal potentials. The
    variance is D / 2 and the correlation time N / D, with N = A + B, D = A de + B di,
    A = x (U_e tau_e)^2 = alpha X p^2 and U_e tau_e = alpha p, alpha = a r (di Volo, eqs. 7-9).
    """
    a = Q_e * tau_e
    b = Q_i * tau_i
    mu_Ge = a * x
    mu_Gi = b * y
    mu_G = g_L + mu_Ge + mu_Gi
    # The membrane's time constant is m = C_m / mu_G, and de = 1 / (tau_e + m) = mu_G / he.
    he = tau_e * mu_G + C_m
    hi = tau_i * mu_G + C_m
    product = he * hi
    once = 1.0 / (mu_G * product)
    r = product * once
    both = mu_G * mu_G * once
    de = both * hi
    di = both * he
    m = C_m * r
    from_e = E_e - CENTRE
    from_i = E_i - CENTRE
    v = (mu_Ge * from_e + mu_Gi * from_i + g_L * (E_L - CENTRE) - W) * r
    alpha = a * r
    beta = b * r
    X = mu_Ge * r
    Y = mu_Gi * r
    p = from_e - v
    q = from_i - v
    ap2 = alpha * p * p
    bq2 = beta * q * q
    A = ap2 * X
    B = bq2 * Y
    N = A + B
    D = A * de + B * di
    inverse = 1.0 / (N * D)
    inverse_D = N * inverse
    sigma = sqrt(0.5 * D)
    return (
        v, alpha, beta, X, Y, p, q, m, de, di, ap2, bq2, A, B, N, D,
        inverse * D, inverse_D, sigma,
    )  # fmt: skip


def threshold(V, S, T, P0, P1, P2, P3, P4, P5, P6, P7, P8, P9):
    """Return the threshold in V and its derivatives to normalised V, S and T (eq. 11)."""
    half_V = P4 * V + P7 * S + P8 * T
    half_S = P5 * S + P9 * T
    theta = P0 + V * (P1 + half_V) + S * (P2 + half_S) + T * (P3 + P6 * T)
    theta_V = P1 + half_V + P4 * V
    theta_S = P2 + half_S + P5 * S + P7 * V
    theta_T = P3 + 2.0 * P6 * T + P8 * V + P9 * S
    return theta, theta_V, theta_S, theta_T


def rate(
    x, y, W, leak, g_L, E_L, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i,
    P0, P1, P2, P3, P4, P5, P6, P7, P8, P9,
):  # fmt: skip
    """Return F in kHz and the mean potential in mV; ``leak`` is g_L / C_m."""
    v, _, _, _, _, _, _, _, _, _, _, _, _, _, N, D, inverse_N, inverse_D, sigma = membrane(
        x, y, W, g_L, E_L, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i
    )
    S = (sigma - 4.0) * (1.0 / 6.0)
    T = N * inverse_D * leak - 0.5
    theta, _, _, _ = threshold(
        0.1 * v, S, T, P0 - 1e-3 * CENTRE, P1, P2, P3, P4, P5, P6, P7, P8, P9
    )
    z = SQRT_HALF * (1e3 * theta - v) * (2.0 * sigma * inverse_D)
    return 0.5 * erfc(z) * (D * inverse_N), v + CENTRE


def rate_and_derivatives(
    x, y, W, leak, g_L, E_L, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i,
    P0, P1, P2, P3, P4, P5, P6, P7, P8, P9,
):  # fmt: skip
    """Return F, the mean potential, and F's derivatives to x, y, xx, xy and yy.

    Inside, f1 stands for df/dx / alpha, f2 for df/dy / beta, f12 for d2f/dxdy / (alpha beta), and
    so on: then d(mu)/dx = U_e tau_e = alpha p is p, and the time constant's derivatives, -m and
    2 m, are the same in both directions.
    """
    v, alpha, beta, X, Y, p, q, m, de, di, ap2, bq2, A, B, N, D, inverse_N, inverse_D, sigma = (
        membrane(x, y, W, g_L, E_L, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i)
    )
    s = p + q
    # A = alpha X p^2 and its derivatives; those of B mirror them.
    X4 = 1.0 - 4.0 * X
    Y4 = 1.0 - 4.0 * Y
    ps = alpha * p * s
    qs = beta * q * s
    ss = s * s
    A1 = ap2 * X4
    A2 = -2.0 * X * ps
    A11 = ap2 * (20.0 * X - 8.0)
    A12 = 4.0 * A - 2.0 * ps * X4
    A22 = 2.0 * X * (alpha * ss + 2.0 * (ps + alpha * p * q))
    B1 = -2.0 * Y * qs
    B2 = bq2 * Y4
    B11 = 2.0 * Y * (beta * ss + 2.0 * (qs + beta * p * q))
    B12 = 4.0 * B - 2.0 * qs * Y4
    B22 = bq2 * (20.0 * Y - 8.0)
    # de = 1 / (tau_e + m): its first derivatives are e1, its second ones e2, in all directions.
    e1 = de * de * m
    i1 = di * di * m
    change1 = A * e1 + B * i1
    change2 = -2.0 * (A * e1 * de * tau_e + B * i1 * di * tau_i)
    d1 = A1 * e1 + B1 * i1
    d2 = A2 * e1 + B2 * i1
    D1 = A1 * de + B1 * di + change1
    D2 = A2 * de + B2 * di + change1
    D11 = A11 * de + B11 * di + 2.0 * d1 + change2
    D12 = A12 * de + B12 * di + d1 + d2 + change2
    D22 = A22 * de + B22 * di + 2.0 * d2 + change2
    # The correlation time T = N / D.
    T = N * inverse_D
    T1 = (A1 + B1 - T * D1) * inverse_D
    T2 = (A2 + B2 - T * D2) * inverse_D
    T11 = (A11 + B11 - 2.0 * T1 * D1 - T * D11) * inverse_D
    T12 = (A12 + B12 - T1 * D2 - T2 * D1 - T * D12) * inverse_D
    T22 = (A22 + B22 - 2.0 * T2 * D2 - T * D22) * inverse_D
    # The standard deviation, sqrt(D / 2).
    inverse_sigma = 2.0 * sigma * inverse_D
    h = 0.25 * inverse_sigma
    s1 = D1 * h
    s2 = D2 * h
    s11 = D11 * h - s1 * s1 * inverse_sigma
    s12 = D12 * h - s1 * s2 * inverse_sigma
    s22 = D22 * h - s2 * s2 * inverse_sigma
    # The threshold, from V = (mu + 60) / 10, S = (sigma - 4) / 6 and T g_L / C_m - 1 / 2.
    theta, theta_V, theta_S, theta_T = threshold(
        0.1 * v, (sigma - 4.0) * (1.0 / 6.0), T * leak - 0.5, P0 - 1e-3 * CENTRE,
        P1, P2, P3, P4, P5, P6, P7, P8, P9,
    )  # fmt: skip
    by_mu = 100.0 * theta_V - 1.0  # of 1000 theta - mu, to mu, sigma and T
    by_sigma = (1000.0 / 6.0) * theta_S
    by_T = 1000.0 * leak * theta_T
    V1 = 0.1 * p
    V2 = 0.1 * q
    S1 = s1 * (1.0 / 6.0)
    S2 = s2 * (1.0 / 6.0)
    L1 = T1 * leak
    L2 = T2 * leak
    # Rows of the quadratic form that is the threshold's second derivative, times each direction.
    row_V1 = 2.0 * P4 * V1 + P7 * S1 + P8 * L1
    row_S1 = P7 * V1 + 2.0 * P5 * S1 + P9 * L1
    row_T1 = P8 * V1 + P9 * S1 + 2.0 * P6 * L1
    row_V2 = 2.0 * P4 * V2 + P7 * S2 + P8 * L2
    row_S2 = P7 * V2 + 2.0 * P5 * S2 + P9 * L2
    row_T2 = P8 * V2 + P9 * S2 + 2.0 * P6 * L2
    g1 = by_mu * p + by_sigma * s1 + by_T * T1
    g2 = by_mu * q + by_sigma * s2 + by_T * T2
    g11 = (
        by_sigma * s11 + by_T * T11 - 2.0 * by_mu * p
        + 1000.0 * (V1 * row_V1 + S1 * row_S1 + L1 * row_T1)
    )  # fmt: skip
    g12 = (
        by_sigma * s12 + by_T * T12 - by_mu * s
        + 1000.0 * (V2 * row_V1 + S2 * row_S1 + L2 * row_T1)
    )  # fmt: skip
    g22 = (
        by_sigma * s22 + by_T * T22 - 2.0 * by_mu * q
        + 1000.0 * (V2 * row_V2 + S2 * row_S2 + L2 * row_T2)
    )  # fmt: skip
    # z = (1000 theta - mu) / (sqrt(2) sigma); both are counted from -60 mV.
    k = SQRT_HALF * inverse_sigma
    z = (1e3 * theta - v) * k
    zs = z * inverse_sigma
    z1 = k * g1 - zs * s1
    z2 = k * g2 - zs * s2
    z11 = k * g11 - zs * s11 - 2.0 * inverse_sigma * z1 * s1
    z12 = k * g12 - zs * s12 - inverse_sigma * (z1 * s2 + z2 * s1)
    z22 = k * g22 - zs * s22 - 2.0 * inverse_sigma * z2 * s2
    # F = erfc(z) / (2 T).
    inverse_T = D * inverse_N
    F = 0.5 * erfc(z) * inverse_T
    slope = -INVERSE_SQRT_PI * exp(-z * z)
    z_2 = 2.0 * z
    F1 = (slope * z1 - F * T1) * inverse_T
    F2 = (slope * z2 - F * T2) * inverse_T
    F11 = (slope * (z11 - z_2 * z1 * z1) - 2.0 * F1 * T1 - F * T11) * inverse_T
    F12 = (slope * (z12 - z_2 * z1 * z2) - F1 * T2 - F2 * T1 - F * T12) * inverse_T
    F22 = (slope * (z22 - z_2 * z2 * z2) - 2.0 * F2 * T2 - F * T22) * inverse_T
    return (
        F, v + CENTRE, alpha * F1, beta * F2,
        alpha * alpha * F11, alpha * beta * F12, beta * beta * F22,
    )  # fmt: skip


def synapses(
    E, I, ou, coupling, G, N_tot, g_inh, p_e, p_i, K_ext_e, K_ext_i,
    ext_ee, ext_ie, ext_ei, ext_ii, S_i, weight_noise,
):  # fmt: skip
    """Return the rates x, y in kHz of all synapses of E, then of I, and the synapses a cell has."""
    k_e = N_tot * (1.0 - g_inh) * p_e
    k_i = N_tot * g_inh * p_i
    network = G * coupling
    noise = weight_noise * ou
    in_e = maximum(network + ext_ee + noise, 0.0)
    in_i = maximum(S_i * network + ext_ie + noise, 0.0)
    x = (E + SPONTANEOUS) * k_e
    y = (I + SPONTANEOUS) * k_i
    return (
        x + in_e * K_ext_e, y + ext_ei * K_ext_i, x + in_i * K_ext_e, y + ext_ii * K_ext_i, k_e, k_i
    )  # fmt: skip


def inverses(C_m, T, tau_w_e, tau_w_i):
    """Return 1 / C_m, 1 / T, 1 / tau_w_e and 1 / tau_w_i; products are cheaper than divisions."""
    one = C_m * T
    two = tau_w_e * tau_w_i
    inverse = 1.0 / (one * two)
    of_one = two * inverse
    of_two = one * inverse
    return of_one * T, of_one * C_m, of_two * tau_w_i, of_two * tau_w_e


def first_order(
    E, I, W_e, W_i, ou, coupling,
    G, g_L, C_m, E_L_e, E_L_i, E_e, E_i, Q_e, Q_i, tau_e, tau_i, T,
    b_e, a_e, tau_w_e, b_i, a_i, tau_w_i, N_tot, g_inh, p_e, p_i, K_ext_e, K_ext_i,
    ext_ee, ext_ie, ext_ei, ext_ii, S_i, weight_noise, tau_OU, sigma_ou,
    P_e0, P_e1, P_e2, P_e3, P_e4, P_e5, P_e6, P_e7, P_e8, P_e9,
    P_i0, P_i1, P_i2, P_i3, P_i4, P_i5, P_i6, P_i7, P_i8, P_i9,
):  # fmt: skip
    """di Volo et al., eq. 4 without the covariances, and eq. 2 for the adaptation."""
    x_e, y_e, x_i, y_i, _, _ = synapses(
        E, I, ou, coupling, G, N_tot, g_inh, p_e, p_i, K_ext_e, K_ext_i,
        ext_ee, ext_ie, ext_ei, ext_ii, S_i, weight_noise,
    )  # fmt: skip
    inverse_C, inverse_T, inverse_w_e, inverse_w_i = inverses(C_m, T, tau_w_e, tau_w_i)
    leak = g_L * inverse_C
    F_e, mu_e = rate(
        x_e, y_e, W_e, leak, g_L, E_L_e, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i,
        P_e0, P_e1, P_e2, P_e3, P_e4, P_e5, P_e6, P_e7, P_e8, P_e9,
    )  # fmt: skip
    F_i, mu_i = rate(
        x_i, y_i, W_i, leak, g_L, E_L_i, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i,
        P_i0, P_i1, P_i2, P_i3, P_i4, P_i5, P_i6, P_i7, P_i8, P_i9,
    )  # fmt: skip
    return (
        (F_e - E) * inverse_T,
        (F_i - I) * inverse_T,
        (a_e * (mu_e - E_L_e) - W_e) * inverse_w_e + b_e * E,
        (a_i * (mu_i - E_L_i) - W_i) * inverse_w_i + b_i * I,
        -ou / tau_OU,
    )


def second_order(
    E, I, C_ee, C_ei, C_ii, W_e, W_i, ou, coupling,
    G, g_L, C_m, E_L_e, E_L_i, E_e, E_i, Q_e, Q_i, tau_e, tau_i, T,
    b_e, a_e, tau_w_e, b_i, a_i, tau_w_i, N_tot, g_inh, p_e, p_i, K_ext_e, K_ext_i,
    ext_ee, ext_ie, ext_ei, ext_ii, S_i, weight_noise, tau_OU, sigma_ou,
    P_e0, P_e1, P_e2, P_e3, P_e4, P_e5, P_e6, P_e7, P_e8, P_e9,
    P_i0, P_i1, P_i2, P_i3, P_i4, P_i5, P_i6, P_i7, P_i8, P_i9,
    derivative_scale,
):  # fmt: skip
    """di Volo et al., eqs. 4 and 2; ``derivative_scale`` multiplies each derivative of F once."""
    x_e, y_e, x_i, y_i, k_e, k_i = synapses(
        E, I, ou, coupling, G, N_tot, g_inh, p_e, p_i, K_ext_e, K_ext_i,
        ext_ee, ext_ie, ext_ei, ext_ii, S_i, weight_noise,
    )  # fmt: skip
    inverse_C, inverse_T, inverse_w_e, inverse_w_i = inverses(C_m, T, tau_w_e, tau_w_i)
    leak = g_L * inverse_C
    F_e, mu_e, e_x, e_y, e_xx, e_xy, e_yy = rate_and_derivatives(
        x_e, y_e, W_e, leak, g_L, E_L_e, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i,
        P_e0, P_e1, P_e2, P_e3, P_e4, P_e5, P_e6, P_e7, P_e8, P_e9,
    )  # fmt: skip
    F_i, mu_i, i_x, i_y, i_xx, i_xy, i_yy = rate_and_derivatives(
        x_i, y_i, W_i, leak, g_L, E_L_i, C_m, E_e, E_i, Q_e, Q_i, tau_e, tau_i,
        P_i0, P_i1, P_i2, P_i3, P_i4, P_i5, P_i6, P_i7, P_i8, P_i9,
    )  # fmt: skip
    to_e = k_e * derivative_scale  # from derivatives to x and y to those to E and I
    to_i = k_i * derivative_scale
    half_ee = 0.5 * C_ee * to_e * to_e
    cross = C_ei * to_e * to_i
    half_ii = 0.5 * C_ii * to_i * to_i
    off_e = F_e - E
    off_i = F_i - I
    F_ee = e_x * to_e  # dF_e / dE
    F_ei = e_y * to_i
    F_ie = i_x * to_e
    F_ii = i_y * to_i
    inverse_n = 1.0 / (N_tot * g_inh * (1.0 - g_inh))
    inverse_n_e = g_inh * inverse_n
    inverse_n_i = inverse_n - inverse_n_e
    return (
        (off_e + half_ee * e_xx + cross * e_xy + half_ii * e_yy) * inverse_T,
        (off_i + half_ee * i_xx + cross * i_xy + half_ii * i_yy) * inverse_T,
        (
            F_e * (inverse_T - F_e) * inverse_n_e + off_e * off_e
            + 2.0 * (C_ee * (F_ee - 1.0) + C_ei * F_ei)
        ) * inverse_T,
        (
            off_e * off_i + C_ee * F_ee + C_ei * (F_ie + F_ei - 2.0) + C_ii * F_ii
        ) * inverse_T,
        (
            F_i * (inverse_T - F_i) * inverse_n_i + off_i * off_i
            + 2.0 * (C_ii * (F_ii - 1.0) + C_ei * F_ie)
        ) * inverse_T,
        (a_e * (mu_e - E_L_e) - W_e) * inverse_w_e + b_e * E,
        (a_i * (mu_i - E_L_i) - W_i) * inverse_w_i + b_i * I,
        -ou / tau_OU,
    )  # fmt: skip


THRESHOLD_E = (
    -0.04983106, 0.005063550882777035, -0.023470121807314552, 0.0022951513725067503,
    -0.0004105302652029825, 0.010547051343547399, -0.03659252821136933, 0.007437487505797858,
    0.001265064721846073, -0.04072161294490446,
)  # fmt: skip
THRESHOLD_I = (
    -0.05149122024209484, 0.004003689190271077, -0.008352013668528155, 0.0002414237992765705,
    -0.0005070645080016026, 0.0014345394104282397, -0.014686689498949967, 0.004502706285435741,
    0.0028472190352532454, -0.015357804594594548,
)  # fmt: skip
#: As the TVB-HPC paper's program has them.
ROUNDED_E = (-0.0498, 0.00506, -0.025, 0.0014, -0.00041, 0.0105, -0.036, 0.0074, 0.0012, -0.0407)
ROUNDED_I = (-0.0514, 0.004, -0.0083, 0.0002, -0.0005, 0.0014, -0.0146, 0.0045, 0.0028, -0.0153)

PARAMETERS = (
    ModelParameter("G", 0.3, low=0.0, high=1.0, doc="global coupling"),
    ModelParameter("g_L", 10.0, "nS", 1.0, 20.0, "leak conductance"),
    ModelParameter("C_m", 200.0, "pF", 10.0, 500.0, "membrane capacitance"),
    ModelParameter("E_L_e", -65.0, "mV", -90.0, -60.0, "leak reversal potential of E"),
    ModelParameter("E_L_i", -65.0, "mV", -90.0, -60.0, "leak reversal potential of I"),
    ModelParameter("E_e", 0.0, "mV", -20.0, 20.0, "reversal potential of excitatory synapses"),
    ModelParameter("E_i", -80.0, "mV", -100.0, -60.0, "reversal potential of inhibitory synapses"),
    ModelParameter("Q_e", 1.5, "nS", 0.0, 5.0, "conductance of an excitatory synapse"),
    ModelParameter("Q_i", 5.0, "nS", 0.0, 10.0, "conductance of an inhibitory synapse"),
    ModelParameter("tau_e", 5.0, "ms", 1.0, 10.0, "decay of the excitatory conductance"),
    ModelParameter("tau_i", 5.0, "ms", 0.5, 10.0, "decay of the inhibitory conductance"),
    ModelParameter("T", 20.0, "ms", 1.0, 20.0, "time constant of the mean field"),
    ModelParameter("b_e", 60.0, "pA", 0.0, 150.0, "spike-frequency adaptation of E"),
    ModelParameter("a_e", 4.0, "nS", -10.0, 20.0, "adaptation of E below threshold"),
    ModelParameter("tau_w_e", 500.0, "ms", 1.0, 1000.0, "time constant of E's adaptation"),
    ModelParameter("b_i", 0.0, "pA", 0.0, 150.0, "spike-frequency adaptation of I"),
    ModelParameter("a_i", 0.0, "nS", -10.0, 20.0, "adaptation of I below threshold"),
    ModelParameter("tau_w_i", 1.0, "ms", 1.0, 1000.0, "time constant of I's adaptation"),
    ModelParameter("N_tot", 10000.0, "", 1000.0, 50000.0, "neurons of a region"),
    ModelParameter("g_inh", 0.2, "", 0.01, 0.99, "part of them that inhibits"),
    ModelParameter("p_e", 0.05, "", 0.001, 0.2, "probability of a synapse from E"),
    ModelParameter("p_i", 0.05, "", 0.001, 0.2, "probability of a synapse from I"),
    ModelParameter("K_ext_e", 400.0, "", 0.0, 10000.0, "excitatory synapses from outside"),
    ModelParameter("K_ext_i", 0.0, "", 0.0, 10000.0, "inhibitory synapses from outside"),
    ModelParameter("ext_ee", 0.315e-3, "kHz", 0.0, 0.1, "excitatory input to E"),
    ModelParameter("ext_ie", 0.315e-3, "kHz", 0.0, 0.1, "excitatory input to I"),
    ModelParameter("ext_ei", 0.0, "kHz", 0.0, 0.1, "inhibitory input to E; no use if K_ext_i = 0"),
    ModelParameter("ext_ii", 0.0, "kHz", 0.0, 0.1, "inhibitory input to I; no use if K_ext_i = 0"),
    ModelParameter("S_i", 1.0, "", 0.0, 2.0, "part of the network's input that I gets"),
    ModelParameter("weight_noise", 1e-4, "kHz", 0.0, 1e-3, "weight of ou in the input"),
    ModelParameter("tau_OU", 5.0, "ms", 0.1, 100.0, "correlation time of ou"),
    ModelParameter("sigma_ou", 1.4142135623730951, "ms^-1/2", 0.0, 5.0, "noise on ou"),
    *(ModelParameter(f"P_e{k}", v, "V", doc="threshold of E") for k, v in enumerate(THRESHOLD_E)),
    *(ModelParameter(f"P_i{k}", v, "V", doc="threshold of I") for k, v in enumerate(THRESHOLD_I)),
)
SCALE = ModelParameter(
    "derivative_scale", 1e-3, "", 0.0, 1.0,
    "on each derivative of F: 1e-3 as in TVB (per Hz, on kHz^2), 1 for units that fit",
)  # fmt: skip

TVB_HPC = {
    "E_L_e": -63.0, "E_L_i": -65.0, "T": 19.0, "a_e": 0.0, "b_e": 60.0,
    "sigma_ou": 3.1622776601683795,  # its noise at dt 0.1 ms, which lacks the factor sqrt(dt)
    **{f"P_e{k}": value for k, value in enumerate(ROUNDED_E)},
    **{f"P_i{k}": value for k, value in enumerate(ROUNDED_I)},
}  # fmt: skip

RATES = (State("E", "kHz", low=0.0), State("I", "kHz", low=0.0))
ADAPTATION = (
    State("W_e", "pA", initial=100.0),
    State("W_i", "pA"),
    State("ou", "", noise="sigma_ou", relaxation="tau_OU"),
)

ADEX_FIRST_ORDER = Model(
    name="adex_first_order",
    doc="mean field of AdEx neurons, rates and adaptation",
    states=(*RATES, *ADAPTATION),
    parameters=PARAMETERS,
    derivatives=first_order,
    sent=("E",),
    bold="E",
    presets={"tvb_hpc": TVB_HPC},
    reference="di Volo et al., Neural Computation 31:653 (2019)",
)

ADEX_SECOND_ORDER = Model(
    name="adex_second_order",
    doc="mean field of AdEx neurons with the covariances of the rates",
    states=(*RATES, *(State(c, "kHz^2") for c in ("C_ee", "C_ei", "C_ii")), *ADAPTATION),
    parameters=(*PARAMETERS, SCALE),
    derivatives=second_order,
    sent=("E",),
    bold="E",
    presets={
        "tvb_hpc": TVB_HPC,
        "consistent": {"derivative_scale": 1.0},
    },
    reference="di Volo et al., Neural Computation 31:653 (2019)",
)
