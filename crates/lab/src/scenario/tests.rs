use super::*;

#[test]
fn every_carried_scenario_is_well_formed() {
    for id in Scenario::all() {
        let scenario = Scenario::carried(&id).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.id, id);
    }
}
