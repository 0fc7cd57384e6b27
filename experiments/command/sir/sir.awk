# An SIR epidemic in a closed population, compared with daily counts.
#   awk -f sir.awk params.json data.csv
# params.json has "beta", "gamma" (both 1/day) and "infected" (at day 0); data.csv has the columns
# day,infected. Writes result.json (the error) and curve.csv.
BEGIN { N = 10000; STEPS = 20 }         # people; Runge-Kutta steps a day

FILENAME ~ /json$/ {                    # one  "name": number  a line
    if (match($0, /"[a-z]+": *[-+0-9.eE]+/)) {
        split(substr($0, RSTART, RLENGTH), part, /": */)
        p[substr(part[1], 2)] = part[2] + 0
    }
    next
}
FNR > 1 { split($0, part, ","); data[part[1]] = part[2]; last = part[1] }

function ds(s, i) { return -p["beta"] * s * i / N }
function di(s, i) { return p["beta"] * s * i / N - p["gamma"] * i }

function day(   k, h, s1, i1, s2, i2, s3, i3, s4, i4) {
    h = 1 / STEPS
    for (k = 0; k < STEPS; k++) {
        s1 = ds(s, i); i1 = di(s, i)
        s2 = ds(s + h/2*s1, i + h/2*i1); i2 = di(s + h/2*s1, i + h/2*i1)
        s3 = ds(s + h/2*s2, i + h/2*i2); i3 = di(s + h/2*s2, i + h/2*i2)
        s4 = ds(s + h*s3, i + h*i3); i4 = di(s + h*s3, i + h*i3)
        s += h/6 * (s1 + 2*s2 + 2*s3 + s4)
        i += h/6 * (i1 + 2*i2 + 2*i3 + i4)
    }
}

END {
    s = N - p["infected"]; i = p["infected"]
    print "day,infected" > "curve.csv"
    for (t = 0; t <= last; t++) {
        if (t > 0) day()
        printf "%d,%.3f\n", t, i > "curve.csv"
        if (t in data) { sum += (i - data[t])^2; n++ }
        if (i > peak) { peak = i; peak_day = t }
    }
    printf "{\"fit\": {\"error\": %.10g}, \"peak\": %.3f, \"peak_day\": %d}\n",
        sqrt(sum / n), peak, peak_day > "result.json"
}
