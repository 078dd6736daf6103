"""Items and users by id: kept in a store, loaded from files, and the items of a live model in memory."""
