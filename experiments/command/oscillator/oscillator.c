/* A damped oscillator m x'' + c x' + k x = 0, x(0) = 1, x'(0) = 0, compared with a recording.
 *   cc -O2 -o oscillator oscillator.c -lm
 *   ./oscillator model.in
 * model.in has lines `name = number` for c (kg/s) and k (N/m), and a line `recording FILE`; m is
 * 1 kg. The recording has lines `time position`. Prints `error=...` (root mean square, m).
 */
#include <math.h>
#include <stdio.h>

static double c = NAN, k = NAN;

static void step(double *x, double *v, double h)
{
    double x1 = *v, v1 = -c * *v - k * *x;
    double x2 = *v + h / 2 * v1, v2 = -c * (*v + h / 2 * v1) - k * (*x + h / 2 * x1);
    double x3 = *v + h / 2 * v2, v3 = -c * (*v + h / 2 * v2) - k * (*x + h / 2 * x2);
    double x4 = *v + h * v3, v4 = -c * (*v + h * v3) - k * (*x + h * x3);
    *x += h / 6 * (x1 + 2 * x2 + 2 * x3 + x4);
    *v += h / 6 * (v1 + 2 * v2 + 2 * v3 + v4);
}

int main(int argc, char **argv)
{
    char line[256], recording[200] = "";
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (!file) {
        fprintf(stderr, "usage: oscillator model.in\n");
        return 2;
    }
    while (fgets(line, sizeof line, file)) {
        sscanf(line, " c = %lf", &c);
        sscanf(line, " k = %lf", &k);
        sscanf(line, " recording %199s", recording);
    }
    fclose(file);
    if (isnan(c) || isnan(k) || !(file = fopen(recording, "r"))) {
        fprintf(stderr, "%s: expected c, k and a recording that is there\n", argv[1]);
        return 2;
    }
    double x = 1, v = 0, t = 0, sum = 0, time, position;
    const double h = 1e-3;
    int n = 0;
    for (; fscanf(file, "%lf %lf", &time, &position) == 2; n++) {
        for (; t < time - h / 2; t += h)
            step(&x, &v, h);
        sum += (x - position) * (x - position);
    }
    printf("error=%.10g\n", sqrt(sum / n));
    return n == 0;
}
