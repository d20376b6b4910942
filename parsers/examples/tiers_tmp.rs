use sawlog_parsers::grok::*;
fn main() {
    for (b, p) in [("legacy", Patterns::legacy()), ("ecs", Patterns::ecs_v1())] {
        let mut names: Vec<_> = p.names().map(str::to_owned).collect();
        names.sort();
        let t = std::time::Instant::now();
        let mut c = [0; 3];
        for n in &names {
            let t1 = std::time::Instant::now();
            let g = Grok::compile(&format!("%{{{n}}}"), &p, Options::default()).unwrap();
            c[g.tier() as usize] += 1;
            if g.tier() != Tier::Scanner || t1.elapsed().as_millis() > 20 {
                println!(
                    "{b} {n} {:?} {} {:?}",
                    g.tier(),
                    g.tier_reason(),
                    t1.elapsed()
                );
            }
        }
        println!("{b} {:?} {:?}", c, t.elapsed());
    }
}
