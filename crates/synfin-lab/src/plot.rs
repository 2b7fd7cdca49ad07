pub struct Plot;
