//! Against figures that Evidently 0.7.23 computed: two samples of the same columns, one of them shifted.

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlo_stats::{Sample, Statistic};

    const REFERENCE: &str = include_str!("reference.csv");
    const CURRENT: &str = include_str!("current.csv");
    const FIGURES: &str = include_str!("figures.csv");

    /// Columns by name, as a data frame would type them.
    fn columns(text: &str) -> BTreeMap<String, Sample> {
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let names = lines.next().unwrap();
        let rows: Vec<Vec<&str>> = lines.collect();
        let column = |(index, name): (usize, &&str)| {
            let texts: Vec<&str> = rows.iter().map(|row| row[index]).collect();
            let numbers: Option<Vec<f64>> = texts.iter().map(|text| text.parse().ok()).collect();
            let sample = match numbers {
                Some(numbers) if texts.iter().all(|text| text.parse::<i64>().is_ok()) => {
                    Sample::Integers(numbers)
                }
                Some(numbers) => Sample::Floats(numbers),
                None => Sample::Words(texts.iter().map(|text| (*text).to_owned()).collect()),
            };
            ((*name).to_owned(), sample)
        };
        names.iter().enumerate().map(column).collect()
    }

    #[test]
    fn every_figure_agrees_to_nine_digits() {
        let (reference, current) = (columns(REFERENCE), columns(CURRENT));
        let mut compared = 0;
        for line in FIGURES.lines() {
            let [statistic, column, expected] = line.split(',').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let statistic = match statistic {
                "default" => None,
                "ks" => Some(Statistic::KolmogorovSmirnov),
                "chisquare" => Some(Statistic::ChiSquare),
                "z" => Some(Statistic::ZTest),
                "wasserstein" => Some(Statistic::Wasserstein),
                "jensenshannon" => Some(Statistic::JensenShannon),
                "psi" => Some(Statistic::PopulationStability),
                "kl_div" => Some(Statistic::KullbackLeibler),
                other => panic!("{other}"),
            };
            let expected: f64 = expected.parse().unwrap();
            let got = reference[column].drift(&current[column], statistic).unwrap().value;
            assert!((got - expected).abs() <= 1e-9 * expected.abs(), "{line}: {got}");
            compared += 1;
        }
        assert_eq!(compared, 36, "no figure is passed over");
    }
}
