//! Arithmetic of samples: medians, and how far a median of ratios may be trusted.

/// Resamplings of a bootstrap.
const RESAMPLES: usize = 10_000;
/// The seed of every bootstrap: the same samples give the same interval.
const SEED: u64 = 0x5EED;

/// The middle one of `samples`; the mean of the middle two where their number is even.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        even if even.is_multiple_of(2) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// The least and the greatest of `samples`.
pub(crate) fn range(samples: &[f64]) -> (f64, f64) {
    samples.iter().fold((f64::NAN, f64::NAN), |(low, high), &sample| (low.min(sample), high.max(sample)))
}

/// The interval in which the median lies with `confidence` (0 to 1), by a percentile bootstrap. With fewer than six
/// samples it is no narrower than their range, which is all that so few can say.
pub(crate) fn interval(samples: &[f64], confidence: f64) -> (f64, f64) {
    if samples.len() < 6 {
        return range(samples);
    }
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut drawn: Vec<f64> = samples.iter().map(|_| samples[random.usize(..samples.len())]).collect();
            drawn.sort_by(f64::total_cmp);
            median_of_sorted(&drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let at = |share: f64| medians[((RESAMPLES - 1) as f64 * share).round() as usize];
    (at(tail), at(1.0 - tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let cases: &[(&[f64], f64)] =
            &[(&[7.0], 7.0), (&[3.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 3.0, 2.0], 2.5), (&[1.0, 1000.0, 1.0], 1.0)];
        for (samples, expected) in cases {
            assert_eq!(median(samples), *expected, "{samples:?}");
        }
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_more_samples() {
        let noisy = |count: usize| (0..count).map(|at| 1.0 + 0.01 * ((at * 7 % 11) as f64 - 5.0)).collect::<Vec<_>>();
        let (few, many) = (interval(&noisy(11), 0.95), interval(&noisy(110), 0.95));
        for (low, high) in [few, many] {
            assert!(low <= 1.0 && 1.0 <= high, "{low} {high}");
        }
        assert!(many.1 - many.0 < few.1 - few.0, "{few:?} {many:?}");
        assert_eq!(interval(&[2.0; 20], 0.95), (2.0, 2.0));
    }

    #[test]
    fn the_interval_of_very_few_samples_is_their_range() {
        assert_eq!(interval(&[3.0, 1.0, 2.0], 0.95), (1.0, 3.0));
    }
}
