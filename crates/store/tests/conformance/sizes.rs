use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn the_rooms_of_tables_and_indexes_and_what_is_free_are_the_database() {
    let house = House::build();
    house.connect().await;
    house.plan_replies(1..50).await;
    let sizes = house.store.sizes().await.unwrap();
    let rooms: u64 = sizes.rooms.iter().map(|room| room.bytes).sum();
    assert_eq!(rooms + sizes.free_bytes, sizes.bytes);
    assert!(
        sizes
            .rooms
            .iter()
            .any(|room| room.name == "sends_by_message")
    );
}
