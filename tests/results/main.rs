//! What the counts mean, against those who know it by other means.
#[test]
fn t() {
    use fairsplit::results::*;
    let o = Observations::new(Unit::Users)
        .name("Hero Banner A/B Test")
        .variant("control", 50, 1000, 142)
        .variant("treatment", 50, 1000, 187);
    let r = Analysis::new().results_of(&o).unwrap();
    println!("{}\n\n{r}\n{}", serde_json::to_string_pretty(&r).unwrap(), r.plot());
    let o = Observations::new(Unit::Users)
        .name("Hero Banner A/B Test")
        .variant("control", 50, 44700, 8502)
        .variant("treatment\u{202e}日本日本日本日本日本日本日本", 20, 17489, 4279)
        .variant("t", 30, 26000, 5279)
        .one_in(8);
    let r = Analysis::new().results_of(&o).unwrap();
    println!("{r}\n{}", r.plot());
    println!("{:?}", sequential_multinomial(&[(44000, 50), (45000, 50)], 1e4));
}
